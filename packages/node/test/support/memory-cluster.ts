import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { blobCid, type EvidenceKind, encodeModel, type Run, type SignedEntry } from '@tempered/protocol'
import { imageTask, initialTaskParameters } from '@tempered/train'
import type { CID } from 'multiformats/cid'
import { systemClock } from '../../src/clock.js'
import { CHANGES_FILE, createChangeFile } from '../../src/epochs/change-store.js'
import type { Membership } from '../../src/epochs/membership.js'
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

/** Puts the changes that a node knows into another one's state folder. */
async function keepChanges(folder: string, run: Run, { decided }: Membership): Promise<void> {
  await mkdir(folder, { recursive: true })
  await createChangeFile(join(folder, CHANGES_FILE)).save(
    run,
    decided.map(({ message }) => message.bytes),
  )
}

const inTurn = (training: LocalTraining, turn: ClusterInit['turn']): LocalTraining =>
  turn === undefined
    ? training
    : {
        ...training,
        async train(round, parameters) {
          await turn(round)
          return training.train(round, parameters)
        },
      }

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
  /** Changes of the run that it knows when it starts, as those of another node. */
  readonly known?: Membership
  /** Member with whose key it goes on when its own is replaced. */
  readonly succeedBy?: number
  readonly stay?: boolean
}

export interface ClusterInit {
  /** Members and those that may be added; default: the members. */
  readonly nodes?: number
  /** Resolves when a round may be trained; default: at once. */
  readonly turn?: (round: number) => Promise<void>
}

/** Lets nodes train rounds up to one that the test decides. */
export function createGate() {
  let most = -1
  const waiting = new Set<() => void>()
  return {
    turn: (round: number): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (round > most) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    open(round: number): void {
      most = round
      for (const look of [...waiting]) look()
    },
  }
}

export interface MemoryCluster {
  readonly run: Run
  readonly hub: MemoryHub
  /** Starts member `index`, in the folder it had before, if any. */
  start(index: number, components?: Partial<NodeComponents>, more?: StartInit): Promise<MemoryNode>
  readonly folders: readonly string[]
}

/** Real nodes with real ledgers on disk, over a network in memory. */
export async function memoryCluster(run: Run, { nodes, turn }: ClusterInit = {}): Promise<MemoryCluster> {
  const hub = createMemoryHub({ latencyMs: 1 })
  const parent = await temporaryFolder()
  const count = nodes ?? run.manifest.members.length
  const folders = Array.from({ length: count }, (_, index) => join(parent, `node-${index}`))
  return {
    run,
    hub,
    folders,
    async start(index, components = {}, { identity, events = {}, known, succeedBy, stay } = {}) {
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
      if (known !== undefined) await keepChanges(folders[index], run, known)
      const node = await createNode(
        {
          training: inTurn(training(index), turn),
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
          ...(stay === undefined ? {} : { stay }),
          async succeed(_successor, membership) {
            if (succeedBy === undefined) return undefined
            await keepChanges(folders[succeedBy], run, membership)
            return { identity: identityFromSeed(seeds[succeedBy]), stateFolder: folders[succeedBy] }
          },
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

/** Resolves once a node knows that a change has been decided, or the given number of them. */
export function decided({ node: { membership } }: MemoryNode, count = 1): Promise<void> {
  return heard(membership, () => membership.decided.length >= count)
}

/** Resolves once a node has heard of a change that waits. */
export function waits({ node: { membership } }: MemoryNode, cid: CID): Promise<void> {
  return heard(membership, () => membership.pending.some((message) => message.cid.equals(cid)))
}

function heard(membership: Membership, holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!holds()) return
      end()
      resolve()
    }
    const end = membership.onNews(look)
    look()
  })
}
