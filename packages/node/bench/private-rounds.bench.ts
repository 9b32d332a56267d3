/**
 * Whole rounds of nodes, private ones of both modes and the same ones without: work per node (processor time of the process, over all nodes and
 * rounds), bytes that a node sends, and memory of the process per node. Nodes are real, their network and disks are in memory, and
 * training takes no time.
 */

import { encodeModel } from '@tempered/protocol'
import { imageTask } from '@tempered/train'
import { systemClock } from '../dist/clock.js'
import { identityFromSeed } from '../dist/identity-file.js'
import { silentLogger } from '../dist/logger.js'
import { createNode } from '../dist/node.js'
import { plainPublisher } from '../dist/round/publisher.js'
import { createRunManifest } from '../dist/run-manifest.js'
import { createMemoryDisk } from '../dist/state/memory-stores.js'
import { createMemoryHub } from '../dist/transport/memory-network.js'

export interface PrivateRoundsRow {
  readonly members: number
  readonly threshold: number
  readonly parameterCount: number
  readonly shares: Cost
  readonly masks: Cost
  /** Without privacy. */
  readonly plain: Cost
}

export interface Cost {
  /** Milliseconds of processor time per node and round. */
  readonly work: number
  /** What a node sends per round, in sizes of the model. */
  readonly sent: number
  /** Most memory outside of the heap, in MB per node. */
  readonly memory: number
}

type Mode = 'shares' | 'masks'

const ROUNDS = 3
const SIZES: readonly (readonly [members: number, threshold: number])[] = [
  [4, 1],
  [8, 2],
  [16, 4],
  [32, 8],
]
/** Height and width of images whose softmax of ten classes has about 8 k, 110 k and 1 M parameters. */
const SHAPES: readonly (readonly [number, number])[] = [
  [28, 28],
  [100, 109],
  [250, 400],
]

/** @param most - members of the largest group; the larger ones take minutes */
export async function benchPrivateRounds(most = Number.POSITIVE_INFINITY): Promise<PrivateRoundsRow[]> {
  const rows: PrivateRoundsRow[] = []
  for (const [members, threshold] of SIZES.filter(([count]) => count <= most))
    for (const [height, width] of SHAPES) {
      const parameterCount = 10 * height * width + 10
      // Parcels of all nodes at once, 8 bytes per number, would not fit into memory.
      if (members * members * parameterCount > 3e8) continue
      const shape = [height, width, 1] as const
      const plain = await play(members, shape, undefined)
      const shares = await play(members, shape, { mode: 'shares', threshold })
      const masks = await play(members, shape, { mode: 'masks', threshold })
      rows.push({ members, threshold, parameterCount, shares, masks, plain })
    }
  return rows
}

async function play(
  members: number,
  shape: readonly [number, number, number],
  privacy: { readonly mode: Mode; readonly threshold: number } | undefined,
): Promise<Cost> {
  const identities = Array.from({ length: members }, (_, k) =>
    identityFromSeed(new Uint8Array(32).fill(k + 1)),
  )
  const task = imageTask('softmax', { shape: [...shape], classes: 10 })
  const initialParameters = new Float32Array(task.parameterCount)
  const f = Math.max(0, Math.floor((members - 3) / 2))
  const rule = { name: 'multi-krum', params: { f } }
  const run = createRunManifest({
    members: identities.map(({ signer }) => signer.peerId),
    task,
    initialParameters,
    rule: privacy === undefined ? rule : { name: 'average' },
    training: { rounds: ROUNDS, localSteps: 1 },
    ...(privacy && {
      privacy: { ...privacy, group: members, range: 8, ...(privacy.mode === 'shares' ? { rule } : {}) },
    }),
  })
  const hub = createMemoryHub({ latencyMs: 0 })
  let sent = 0
  let memory = 0
  const watch = setInterval(() => {
    memory = Math.max(memory, process.memoryUsage().arrayBuffers)
  }, 5)
  const before = process.cpuUsage()
  const idle = process.memoryUsage().arrayBuffers
  const nodes = await Promise.all(
    identities.map((identity, index) =>
      createNode(
        {
          training: {
            async train(round, parameters) {
              for (let k = 0; k < parameters.length; k++)
                parameters[k]! += 1e-3 * Math.sin((index + 1) * 12.9 + k * 78.2 + round)
              return { loss: 1 }
            },
            evaluate: async () => null,
            loss: async () => 1,
          },
          publisher: plainPublisher,
          clock: systemClock,
          logger: silentLogger,
          openStores: () => createMemoryDisk().open(),
          coSigns: false,
          createNetwork: (parts) => hub.connect(parts),
        },
        {
          ...{ run, identity, initialParameters },
          stateFolder: '',
          keepRounds: 2,
          listen: [],
          bootstrap: [],
          mdns: false,
        },
        {
          onRound({ bytesSent }) {
            sent += bytesSent
          },
        },
      ),
    ),
  )
  await Promise.all(nodes.map((node) => node.run()))
  clearInterval(watch)
  const { user, system } = process.cpuUsage(before)
  const each = members * ROUNDS
  const modelBytes = encodeModel(initialParameters).byteLength
  return {
    work: (user + system) / 1000 / each,
    sent: sent / each / modelBytes,
    memory: Math.max(0, memory - idle) / 1e6 / members,
  }
}
