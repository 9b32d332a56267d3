import { counted } from '@tempered/errors'
import { blobCid } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { type Clock, sleep } from '../clock.js'
import { errorCode, errorMessage } from '../errors.js'
import type { Logger } from '../logger.js'
import { openDhtClient } from './dht-client.js'
import type { DhtOptions } from './reach-options.js'

/**
 * Finds members through a distributed hash table (Kademlia), such as that of IPFS, whose nodes are strangers: for members
 * that have no address of any other one. Under a key that follows from the run and the member, each puts where it can be
 * dialled. Only who knows the run can compute the key; the peer id of the member is nowhere in it. Whoever answers there
 * must prove the member's key as ever, so a wrong record costs a dial.
 */
export interface DhtFinderInit {
  readonly dht: DhtOptions
  /** Id of the run. */
  readonly run: string
  /** Peer id of this node. */
  readonly self: string
  readonly clock: Clock
  readonly logger: Logger
  /** Where this node can be dialled. */
  addresses(): readonly string[]
  /** Members that this node wants to reach, and does not. */
  missing(): readonly string[]
  found(peer: string, addresses: readonly string[]): void
}

/** Between two looks at whether there is anything to publish or to find. */
const LOOK_MS = 10_000
/** After the first minutes a search that found nothing waits longer: twice as long each time, up to this. */
const LONGEST_PAUSE_MS = 10 * 60_000
/** Nodes of a DHT forget addresses after half an hour. */
const REPUBLISH_MS = 20 * 60_000
/** Limit of time for one key. */
const KEY_MS = 60_000
/** Members that are looked for at a time. */
const MOST_SOUGHT = 16
/** Records under one key that are used: anybody who knows the run can add one. */
const MOST_RECORDS = 4

/** Publishes and searches until the signal aborts. A DHT that does not answer costs lines of the log. */
export async function findByDht(
  init: DhtFinderInit,
  signal: AbortSignal,
  openClient = openDhtClient,
): Promise<void> {
  const { clock, logger } = init
  const own = dhtKeyOf(init.run, init.self)
  let published: { readonly atMs: number; readonly text: string } | undefined
  let pauseMs = LOOK_MS
  let notBeforeMs = 0
  let hasWarned = false

  const isStale = (text: string): boolean =>
    published === undefined || published.text !== text || clock.monotonicMs() - published.atMs >= REPUBLISH_MS

  const work = async (addresses: readonly string[], wanted: readonly string[]): Promise<void> => {
    const client = await openClient(init.dht, addresses, clock, signal)
    try {
      const text = addresses.join()
      if (addresses.length > 0 && isStale(text)) {
        await client.put(own, KEY_MS)
        published = { atMs: clock.monotonicMs(), text }
        logger.debug({ addresses }, 'addresses are in the DHT')
      }
      for (const peer of wanted) {
        const records = await client.get(dhtKeyOf(init.run, peer), MOST_RECORDS, KEY_MS)
        for (const record of records) init.found(peer, record)
        if (records.length > 0) logger.debug({ peer }, `${counted(records.length, 'record')} in the DHT`)
      }
    } finally {
      await client.close()
    }
  }

  while (!signal.aborted) {
    const addresses = init.addresses()
    const wanted = init.missing().slice(0, MOST_SOUGHT)
    const isDue = clock.monotonicMs() >= notBeforeMs && (wanted.length > 0 || isStale(addresses.join()))
    if (isDue) {
      try {
        await work(addresses, wanted)
        hasWarned = false
      } catch (error) {
        if (signal.aborted) return
        const say = hasWarned ? logger.debug : logger.warn
        hasWarned = true
        say.call(
          logger,
          { code: errorCode(error) },
          `the DHT is of no use at the moment: ${errorMessage(error)}`,
        )
      }
      notBeforeMs = clock.monotonicMs() + pauseMs
      pauseMs = init.missing().length > 0 ? Math.min(2 * pauseMs, LONGEST_PAUSE_MS) : LOOK_MS
    }
    await sleep(clock, LOOK_MS, signal)
  }
}

/** Where the addresses of a member of a run are in the DHT. */
export function dhtKeyOf(run: string, peer: string): CID {
  return blobCid(new TextEncoder().encode(`tempered/dht/v1\0${run}\0${peer}`))
}
