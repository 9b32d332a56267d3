import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Run } from '@tempered/protocol'
import { encodeModel as encodeElements, privateGroup, SecretStream } from '@tempered/secagg'
import { imageTask } from '@tempered/train'
import { describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../src/clock.js'
import { identityFromSeed } from '../../../src/identity-file.js'
import { silentLogger } from '../../../src/logger.js'
import { createNode } from '../../../src/node.js'
import type { LocalTraining } from '../../../src/round/local-training.js'
import { plainPublisher } from '../../../src/round/publisher.js'
import { createRunManifest, type RunManifestInit } from '../../../src/run-manifest.js'
import { seeds, signers } from '../../support/run-fixture.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

/** What each node gives to encryption, by peer id: every byte that leaves it, in the clear. */
const left = vi.hoisted(() => new Map<string, Uint8Array[]>())

vi.mock('@libp2p/noise', async (original) => {
  const { noise, ...rest } = await original<typeof import('@libp2p/noise')>()
  const recorded: typeof noise = (init) => (components) => {
    const real = noise(init)(components)
    const self = String(components.peerId)
    const secure =
      (how: 'secureInbound' | 'secureOutbound'): (typeof real)[typeof how] =>
      async (stream, options) => {
        const secured = await real[how](stream, options)
        const send = secured.connection.send.bind(secured.connection)
        secured.connection.send = (data) => {
          const bytes = data instanceof Uint8Array ? data : data.subarray()
          const known = left.get(self) ?? []
          left.set(self, known)
          known.push(bytes.slice())
          return send(data)
        }
        return secured
      }
    return Object.assign(Object.create(Object.getPrototypeOf(real)), real, {
      secureInbound: secure('secureInbound'),
      secureOutbound: secure('secureOutbound'),
      protocol: real.protocol,
    })
  }
  return { ...rest, noise: recorded }
})

const MEMBERS = 5
const TASK = imageTask('softmax', { shape: [20, 50, 1], classes: 2 })
const D = TASK.parameterCount
const START = Float32Array.from({ length: D }, (_, k) => 0.1 * Math.sin(k))
const PRIVACY = {
  mode: 'shares',
  threshold: 1,
  group: MEMBERS,
  range: 8,
  rule: { name: 'nearest', params: { f: 1 } },
} as const

/** A model of numbers that nobody makes by chance. */
const trainedOf = (index: number, round: number, parameters: Float32Array): Float32Array =>
  parameters.map(
    (value, k) => value + 0.01 * Math.sin(12.9898 * (index + 1) + 78.233 * (k + 1) + 3.7 * round),
  )

interface Played {
  readonly run: Run
  readonly folder: string
  /** By node and round. */
  readonly trained: readonly Float32Array[][]
}

/** Real nodes over libp2p, until the run is over. */
async function playNodes(changes: Pick<RunManifestInit, 'privacy'>): Promise<Played> {
  left.clear()
  const run = createRunManifest({
    members: signers.slice(0, MEMBERS).map(({ peerId }) => peerId),
    task: TASK,
    initialParameters: START,
    rule: { name: 'average' },
    training: { rounds: 2, localSteps: 1 },
    // No deadline may pass, however slow the machine is.
    deadlines: {
      joinMs: 3_600_000,
      collectMs: 3_600_000,
      transferMs: 3_600_000,
      firstByteMs: 3_600_000,
      dialMs: 3_600_000,
    },
    ...changes,
  })
  const folder = await temporaryFolder()
  const trained = Array.from({ length: MEMBERS }, (): Float32Array[] => [])
  const training = (index: number): LocalTraining => ({
    async train(round, parameters) {
      parameters.set(trainedOf(index, round, parameters))
      trained[index].push(parameters.slice())
      return { loss: 1 }
    },
    evaluate: async () => null,
    loss: async () => 1,
  })
  const nodes = []
  let address: string | undefined
  for (let index = 0; index < MEMBERS; index++) {
    let onListening: (addresses: readonly string[]) => void = () => undefined
    const listening = new Promise<string>((resolve) => {
      onListening = ([first]) => resolve(first)
    })
    const node = await createNode(
      { training: training(index), publisher: plainPublisher, clock: systemClock, logger: silentLogger },
      {
        run,
        identity: identityFromSeed(seeds[index]),
        stateFolder: join(folder, `node-${index}`),
        initialParameters: START,
        keepRounds: 100,
        listen: ['/ip4/127.0.0.1/tcp/0'],
        bootstrap: address === undefined ? [] : [address],
        mdns: false,
      },
      { onListening: (addresses) => onListening(addresses) },
    )
    nodes.push(node.run())
    address ??= await listening
  }
  await Promise.all(nodes)
  return { run, folder, trained }
}

/** Pieces of a vector that are long enough to be nothing else. */
function snippets(bytes: Uint8Array): Buffer[] {
  const length = 24
  const count = 60
  return Array.from({ length: count }, (_, k) => {
    const at = 8 * Math.floor(((bytes.length - length) / 8 / count) * k)
    return Buffer.from(bytes.subarray(at, at + length))
  })
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)

/** A model as it is, its update, and what is dealt of it: each of them shows it. */
function clearForms({ run, trained }: Played, index: number, round: number): Uint8Array[] {
  const model = trained[index][round]
  const { encoding } = privateGroup(
    { ...run, manifest: { ...run.manifest, privacy: PRIVACY } },
    round,
    run.manifest.members[index],
  )!.plan
  // Whatever the rounding, each number is one of two.
  const { elements } = encodeElements(encoding, model, START, new SecretStream(new Uint8Array(32), 'any'))
  return [bytesOf(model), bytesOf(model.map((value, k) => value - START[k])), bytesOf(elements)]
}

async function filesIn(folder: string): Promise<Buffer> {
  const found: Buffer[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) found.push(await readFile(join(entry.parentPath, entry.name)))
  return Buffer.concat(found)
}

/** How many pieces of models are in some bytes, of models of all nodes. */
function found(played: Played, bytes: Buffer): number {
  let count = 0
  for (const [index, models] of played.trained.entries())
    for (const round of models.keys())
      for (const form of clearForms(played, index, round))
        for (const snippet of snippets(form)) if (bytes.includes(snippet)) count += 1
  return count
}

describe('what leaves a node, byte for byte', () => {
  it('is the model itself where the run is not private: the search finds it', async () => {
    const played = await playNodes({})
    const all = Buffer.concat([...left.values()].flat())
    expect(found(played, all)).toBeGreaterThan(MEMBERS * 50)
    expect(found(played, await filesIn(played.folder))).toBeGreaterThan(MEMBERS * 50)
  })

  it('is nothing of a model in a private run, and neither is any file', async () => {
    const played = await playNodes({ privacy: PRIVACY })
    expect(played.trained.every((models) => models.length === 2)).toBe(true)
    expect([...left.keys()].sort()).toEqual([...played.run.manifest.members].sort())
    const all = Buffer.concat([...left.values()].flat())
    // Enough for the shares of two rounds: 8 bytes per number, for those that get no seed.
    expect(all.length).toBeGreaterThan(2 * MEMBERS * (MEMBERS - 2) * 8 * D)
    expect(found(played, all)).toBe(0)
    expect(found(played, await filesIn(played.folder))).toBe(0)
  })

  it('is nothing of a model in a run with masks either', async () => {
    const { rule: _, ...rest } = PRIVACY
    const played = await playNodes({ privacy: { ...rest, mode: 'masks' } })
    expect(played.trained.every((models) => models.length === 2)).toBe(true)
    const all = Buffer.concat([...left.values()].flat())
    // Each round every masked vector is fetched once, and their sum by every other member.
    expect(all.length).toBeGreaterThan(2 * 2 * (MEMBERS - 1) * 8 * D)
    expect(found(played, all)).toBe(0)
    expect(found(played, await filesIn(played.folder))).toBe(0)
  })
})
