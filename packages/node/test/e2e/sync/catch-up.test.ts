import { join } from 'node:path'
import type { FinalHead, SignedEntry } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.js'
import { NodeError } from '../../../src/errors.js'
import { type BlobLookup, openBlobFolders } from '../../../src/ledger/blob-folders.js'
import { silentLogger } from '../../../src/logger.js'
import { openFolderStores } from '../../../src/state/folder-stores.js'
import { createCatchUp } from '../../../src/sync/catch-up.js'
import { medoid } from '../../../src/sync/medoid.js'
import { FINALS_FILE, readFinals } from '../../../src/witness/final-store.js'
import { type MemoryCluster, memoryCluster, peerOf, realRun } from '../../support/memory-cluster.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const PEERS = [0, 1, 2].map(peerOf)

/** A run of four that is over, from which member 3 may catch up. */
async function recorded() {
  const cluster: MemoryCluster = await memoryCluster(realRun({ rounds: 6 }))
  const nodes = await Promise.all([0, 1, 2, 3].map((index) => cluster.start(index)))
  await Promise.all(nodes.map(({ done }) => done))
  const ledgers = new Map<string, SignedEntry[]>()
  for (const index of [0, 1, 2]) ledgers.set(peerOf(index), await nodes[index].entries())
  const finals = await readFinals(join(nodes[0].folder, FINALS_FILE), cluster.run)
  const blobs = await openBlobFolders(nodes.map(({ folder }) => join(folder, 'blobs')))
  return { run: cluster.run, ledgers, finals, blobs }
}
type Recorded = Awaited<ReturnType<typeof recorded>>

interface Behaviour {
  /** Entries in one reply. */
  readonly perReply?: number
  /** Entries that a peer admits to have. */
  readonly length?: (peer: string) => number
  /** Called before each reply; may throw. */
  readonly before?: (peer: string, from: number) => void
  readonly finals?: readonly FinalHead[]
}

async function catchUpFrom(
  { run, ledgers, finals, blobs }: Recorded,
  folder: string,
  behaviour: Behaviour = {},
) {
  const asked: [peer: string, from: number][] = []
  const fetchBlob: BlobLookup = blobs
  const stores = await openFolderStores(folder)
  const catchUp = createCatchUp({
    run,
    clock: systemClock,
    logger: silentLogger,
    openLedgerCopy: (peer, visit) => stores.openLedgerCopy(run, peer, visit),
    network: {
      async fetchEntries(peer, from) {
        behaviour.before?.(peer, from)
        asked.push([peer, from])
        const entries = ledgers.get(peer)!.slice(0, behaviour.length?.(peer))
        return entries.slice(from, from + (behaviour.perReply ?? 64)).map(({ bytes }) => bytes)
      },
      fetchFinalHeads: async () => behaviour.finals ?? finals,
      async fetchModel(_peer, cid, into) {
        into.set((await fetchBlob(cid))!)
      },
    },
  })
  const model = await catchUp.newestModel(PEERS)
  await stores.release()
  return { asked, model }
}

describe('catching up', () => {
  const newestOf = async (base: Recorded, peer: string): Promise<Float32Array> => {
    const bytes = (await base.blobs(base.ledgers.get(peer)!.at(-1)!.body.aggregate.toString()))!
    return new Float32Array(bytes.slice(16).buffer)
  }

  it('fetches all chains in bounded replies and takes the newest model that the others are closest to', async () => {
    const base = await recorded()
    const { asked, model } = await catchUpFrom(base, await temporaryFolder(), { perReply: 2 })
    for (const peer of PEERS)
      expect(asked.filter(([other]) => other === peer).map(([, from]) => from)).toEqual([0, 2, 4, 6])
    const candidates = await Promise.all(PEERS.map((peer) => newestOf(base, peer)))
    expect(model?.parameters).toEqual(candidates[medoid(candidates)])
  })

  it('goes on where it was interrupted, also in another process', async () => {
    const base = await recorded()
    const folder = await temporaryFolder()
    const broken = await catchUpFrom(base, folder, {
      perReply: 2,
      before(_peer, from) {
        if (from >= 4) throw new NodeError('E_STREAM', 'the stream was closed')
      },
    })
    expect(broken.model).toBeUndefined()
    const { asked, model } = await catchUpFrom(base, folder, { perReply: 2 })
    expect(Math.min(...asked.map(([, from]) => from))).toBe(4)
    expect(model).toBeDefined()
  })

  it('does not believe a chain that ends before its final head, or that is not whole', async () => {
    const base = await recorded()
    const short = await catchUpFrom(base, await temporaryFolder(), { length: () => 3 })
    expect(short.model).toBeUndefined()
    // Without final heads nobody can tell a shorter chain from a younger one.
    const young = await catchUpFrom(base, await temporaryFolder(), { length: () => 3, finals: [] })
    expect(young.model).toBeDefined()
    const swapped = new Map(base.ledgers)
    for (const [peer, entries] of swapped) swapped.set(peer, [entries[1], entries[0], ...entries.slice(2)])
    const other = await catchUpFrom({ ...base, ledgers: swapped }, await temporaryFolder())
    expect(other.model).toBeUndefined()
  })

  it('does without the neighbours that have nothing', async () => {
    const base = await recorded()
    const { model } = await catchUpFrom(base, await temporaryFolder(), {
      before(peer) {
        if (peer !== PEERS[1]) throw new NodeError('E_NO_CONNECTION', 'gone')
      },
    })
    expect(model?.parameters).toEqual(await newestOf(base, PEERS[1]))
  })
})

describe('the medoid', () => {
  const at = (...values: number[]) => Float32Array.from(values)
  it('is among the majority, wherever the others lie', () => {
    const honest = [at(1, 1), at(1.1, 1), at(0.9, 1.1)]
    for (const liars of [
      [at(50, 50), at(50, 50)],
      [at(-9, 9), at(1e30, 0)],
    ]) {
      const models = [liars[0], ...honest, liars[1]]
      expect(honest).toContain(models[medoid(models)])
    }
  })
  it('of one is that one, and ties go to the first', () => {
    expect(medoid([at(3)])).toBe(0)
    expect(medoid([at(3), at(5)])).toBe(0)
  })
})
