import type { SignedAnnouncement } from '@tempered/protocol'
import { onTestFinished } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.js'
import type { Membership } from '../../src/epochs/membership.js'
import { createMemoryInvitations, type UsedInvitations } from '../../src/epochs/used-invitations.js'
import { forgetfulBanStore } from '../../src/guard/bans.js'
import { type Logger, silentLogger } from '../../src/logger.js'
import { FLAT_NETWORK, type ReachOptions } from '../../src/reach/reach-options.js'
import { type AddressBook, createAddressBook } from '../../src/transport/address-book.js'
import { createLibp2pNetwork } from '../../src/transport/libp2p-network.js'
import type { LocalSource, NetworkHandlers } from '../../src/transport/network.js'
import { freshMembership } from './memberships.js'
import { makeRun, seeds, signers } from './run-fixture.js'

export const run = makeRun({ deadlines: { reconnectMs: 50 } })
export const peers = signers.map((signer) => signer.peerId)

/** A node that has nothing to say yet. */
const silent: LocalSource = {
  announcements: () => [],
  head: () => undefined,
  evidence: () => [],
  digests: () => [],
  entries: async () => [],
  finalHeads: () => [],
  blocks: () => [],
  groupWords: () => [],
  newestHead: () => undefined,
  blob: async () => undefined,
}

/** The network of a member with some neighbours, with the ups and downs that it reports. */
export function createMember(
  index: number,
  neighbours: readonly number[],
  {
    clock = systemClock,
    bootstrap = [],
    ofRun = run,
    logger = silentLogger,
    listen = ['/ip4/127.0.0.1/tcp/0'],
    reach = {},
    networkKey,
    local = {},
    membership = freshMembership(ofRun),
    invitations = createMemoryInvitations(),
    addressBook = createAddressBook((peer) => ofRun.memberIndex.has(peer)),
  }: {
    clock?: Clock
    bootstrap?: readonly string[]
    ofRun?: typeof run
    logger?: Logger
    listen?: readonly string[]
    reach?: Partial<ReachOptions>
    networkKey?: Uint8Array
    local?: Partial<LocalSource>
    membership?: Membership
    invitations?: UsedInvitations
    addressBook?: AddressBook
  } = {},
) {
  const network = createLibp2pNetwork(
    {
      run: ofRun,
      signer: signers[index],
      neighbours: neighbours.map((neighbour) => peers[neighbour]),
      contacts: neighbours.map((neighbour) => peers[neighbour]),
      local: { ...silent, ...local },
      bans: forgetfulBanStore,
      membership,
      invitations,
      addressBook,
      clock,
      logger,
    },
    { seed: seeds[index], networkKey, listen, bootstrap, mdns: false, reach: { ...FLAT_NETWORK, ...reach } },
  )
  onTestFinished(() => network.stop())
  const changes: string[] = []
  const heard: SignedAnnouncement[] = []
  const waiting = new Set<() => void>()
  const tell = (word: string): void => {
    changes.push(word)
    for (const look of [...waiting]) look()
  }
  const ignore = () => undefined
  const handlers: NetworkHandlers = {
    neighbourUp: () => tell('up'),
    neighbourDown: () => tell('down'),
    announcement: (message) => void heard.push(message),
    head: ignore,
    evidence: ignore,
    accusation: ignore,
    block: ignore,
    chainMessage: ignore,
    groupWord: ignore,
    ownHead: ignore,
    refused: () => tell('refused'),
  }
  return {
    network,
    changes,
    /** Announcements of others. */
    heard,
    start: () => network.start(handlers),
    /** Resolves once this many changes have been reported. */
    count: (wanted: number) =>
      new Promise<void>((resolve) => {
        const look = (): void => {
          if (changes.length < wanted) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
  }
}
