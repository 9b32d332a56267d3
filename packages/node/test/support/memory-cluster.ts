import { join } from 'node:path'
import { blobCid, type EvidenceKind, encodeModel, type Run, type SignedEntry } from '@tempered/protocol'
import { imageTask, initialTaskParameters } from '@tempered/train'
import { systemClock } from '../../src/clock.js'
import { type Identity, identityFromSeed } from '../../src/identity-file.js'
import { LEDGER_FILE } from '../../src/ledger/ledger.js'
import { verifyLedgerFile } from '../../src/ledger/verify.js'
import { silentLogger } from '../../src/logger.js'
import { createNode } from '../../src/node.js'
import type { NodeEvents } from '../../src/node-events.js'
import type { NodeComponents } from '../../src/node-parts.js'
import type { LocalTraining } from '../../src/round/local-training.js'
import { plainPublisher } from '../../src/round/publisher.js'
import type { TemperedNode } from '../../src/running-node.js'
import { createMemoryHub, type MemoryHub } from '../../src/transport/memory-network.js'
import { makeRun, type RunChanges, seeds, signers } from './run-fixture.js'
import { temporaryFolder } from './temporary-folder.js'

export const START = initialTaskParameters(imageTask('softmax', { shape: [1, 1, 1], classes: 2 }), 7)

/** A run whose initial model matches its manifest. */
export const realRun = (changes: RunChanges = {}): Run =>
  makeRun({ initialCid: blobCid(encodeModel(START)).toString(), ...changes })

/** Steps towards a point of the node's own. */
const training = (index: number): LocalTraining => ({
  async train(_round, parameters) {
    for (let k = 0; k < parameters.length; k++) parameters[k] += 0.1 * (index + k - parameters[k])
    return { loss: 1 }
  },
  evaluate: async () => null,
  loss: async (_round, parameters) => Math.abs(parameters[0] - index),
})

export interface MemoryNode {
  readonly node: TemperedNode
  readonly folder: string
  /** Resolves or rejects as `node.run()`. */
  readonly done: Promise<void>
  readonly quarantined: { peer: string; round: number; kind: EvidenceKind }[]
  /** Resolves once this node has closed a round. */
  round(round: number): Promise<void>
  /** Resolves once this node has quarantined a peer. */
  quarantine(peer: string): Promise<void>
  entries(): Promise<SignedEntry[]>
}

export interface StartInit {
  readonly identity?: Identity
  readonly events?: NodeEvents
}

export interface MemoryCluster {
  readonly run: Run
  readonly hub: MemoryHub
  /** Starts member `index`, in the folder it had before, if any. */
  start(index: number, components?: Partial<NodeComponents>, more?: StartInit): Promise<MemoryNode>
  readonly folders: readonly string[]
}

/** Real nodes with real ledgers on disk, over a network in memory. */
export async function memoryCluster(run: Run): Promise<MemoryCluster> {
  const hub = createMemoryHub({ latencyMs: 1 })
  const parent = await temporaryFolder()
  const folders = run.manifest.members.map((_, index) => join(parent, `node-${index}`))
  return {
    run,
    hub,
    folders,
    async start(index, components = {}, { identity, events = {} } = {}) {
      const quarantined: MemoryNode['quarantined'] = []
      const watchers = new Set<() => void>()
      const look = (): void => {
        for (const watcher of [...watchers]) watcher()
      }
      let newest = -1
      const when = (holds: () => boolean): Promise<void> =>
        new Promise((resolve) => {
          const watcher = (): void => {
            if (!holds()) return
            watchers.delete(watcher)
            resolve()
          }
          watchers.add(watcher)
          watcher()
        })
      const node = await createNode(
        {
          training: training(index),
          publisher: plainPublisher,
          clock: systemClock,
          logger: silentLogger,
          createNetwork: (parts) => hub.connect(parts),
          ...components,
        },
        {
          run,
          identity: identity ?? identityFromSeed(seeds[index]),
          stateFolder: folders[index],
          initialParameters: START,
          keepRounds: 100,
          listen: [],
          bootstrap: [],
          mdns: false,
        },
        {
          ...events,
          onRound(report) {
            newest = report.round
            events.onRound?.(report)
            look()
          },
          onQuarantine(peer, round, kind) {
            quarantined.push({ peer, round, kind })
            look()
          },
        },
      )
      const done = node.run()
      done.catch(() => undefined)
      return {
        node,
        folder: folders[index],
        done,
        quarantined,
        round: (round) => when(() => newest >= round),
        quarantine: (peer) => when(() => quarantined.some((one) => one.peer === peer)),
        async entries() {
          const entries: SignedEntry[] = []
          const verdict = await verifyLedgerFile(join(folders[index], LEDGER_FILE), (entry) => {
            entries.push(entry)
          })
          if (!verdict.ok) throw new Error(verdict.message)
          return entries
        },
      }
    },
  }
}

export const peerOf = (index: number): string => signers[index].peerId
