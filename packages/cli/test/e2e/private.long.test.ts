import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadScenario, loadScenarioSource, planRun } from '@tempered/lab/scenario'
import { manifestInitialParameters, openLocalTraining } from '@tempered/node'
import { decodeAnnouncement, decodeModel } from '@tempered/protocol'
import { createTrainerService, type DataSource, shareIndices } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import { CACHE } from '../../../../test-support/cache.js'
import { callCli } from '../support/call-cli.js'
import { freePorts } from '../support/free-ports.js'
import { entriesOf } from '../support/recorded-run.js'
import { inTemporaryFolder, parseJson, runCli, startCli } from '../support/run-cli.js'

const NODES = 10
const ROUNDS = 7
const POISONING = [8, 9]
/** It is killed in its second round, when it has dealt, answered, and is about to speak about distances. */
const DYING = 4
const FAILPOINT = 'private.before-distances:2'

const scenario = (privacy: string): string => `
name: ten
seed: 1
nodes: ${NODES}
topology: complete
model: mlp
training: { rounds: ${ROUNDS}, localSteps: 35, batchSize: 32, learningRate: 0.05, momentum: 0.9 }
${privacy}
adversaries: [ { nodes: [${POISONING}], attack: sign-flip-model } ]
evaluation: { samples: 500 }
keepRounds: 100
deadlines: { joinMs: 1000000, collectMs: 1000000, dialMs: 300000, firstByteMs: 300000, transferMs: 600000, reconnectMs: 2000 }
controls: { honest: false, undefended: false, baseline: false }
`
const PRIVATE = scenario(
  'rule: average\nprivacy: { threshold: 2, group: 10, rule: { name: multi-krum, params: { f: 3 } } }',
)
const PLAIN = scenario('rule: { name: multi-krum, params: { f: 3 } }')

const nameOf = (index: number): string => `node-0${index}`
const honest = Array.from({ length: NODES }, (_, index) => index).filter(
  (index) => !POISONING.includes(index),
)

/** A process per node, as on ten machines; one of them dies. Gives their folders and the accuracy of the worst honest node. */
async function playHosts(folder: string, name: string, text: string, failpoint: string) {
  await writeFile(join(folder, `${name}.yaml`), text)
  const ports = await freePorts(NODES)
  const given = ports.flatMap((port, index) => ['--address', `${index}=127.0.0.1:${port}`])
  const made = await callCli(
    ['scenario', 'run', `${name}.yaml`, '--stage', 'hosts', ...given, '--out', name, '--json'],
    folder,
  )
  expect(made.code, made.stderr).toBe(0)
  const { folder: hosts } = parseJson(made.stdout) as { folder: string }
  const started = ports.map((_, index) =>
    startCli(
      [
        ...(POISONING.includes(index) ? ['scenario', 'node'] : ['node', 'start']),
        '--config',
        join(hosts, 'hosts', nameOf(index), 'node.yaml'),
        '--json',
      ],
      folder,
      index === DYING ? { TEMPERED_FAILPOINT: failpoint } : {},
    ),
  )
  const codes = await Promise.all(started.map(({ exit }) => exit))
  for (const [index, code] of codes.entries())
    expect([index, code, index === DYING ? '' : started[index]!.stderr.slice(-3).join('\n')]).toEqual([
      index,
      index === DYING ? 'SIGKILL' : 0,
      expect.anything(),
    ])
  const last = honest
    .filter((index) => index !== DYING)
    .map((index) => {
      const rounds = started[index]!.stdout.map((line) => parseJson(line)?.testMetric)
      return rounds.filter((metric) => typeof metric === 'number').at(-1)!
    })
  return { hosts: join(folder, hosts, 'hosts'), worst: Math.min(...last) }
}

/** Trains again what each node trained, from its own ledger, and looks for pieces of that in all files of all nodes. */
async function expectNoModels(folder: string, hosts: string): Promise<void> {
  const loaded = await loadScenario(join(folder, 'private.yaml'))
  const source = (await loadScenarioSource(loaded, CACHE)) as DataSource
  const { run, partition, nodes } = planRun(loaded, source)
  const service = await createTrainerService({})
  const files = Buffer.concat(await filesIn(hosts))
  let sought = 0
  try {
    for (const { index, identity } of nodes.filter(({ attack }) => attack === undefined)) {
      const state = join(hosts, nameOf(index), 'state')
      const indices = shareIndices(source, {
        scheme: partition,
        part: index,
        parts: NODES,
        seed: run.manifest.seed,
      })
      const training = await openLocalTraining(service, {
        ...{ run, source, indices, identity },
        samples: source.train,
        evaluation: loaded.evaluation,
      })
      for (const { body } of await entriesOf(join(state, 'ledger.car'))) {
        const { parameterCount, initialCid } = run.manifest.model
        const start = body.start.toString()
        const begun =
          start === initialCid
            ? manifestInitialParameters(run.manifest)
            : decodeModel(new Uint8Array(await readFile(join(state, 'blobs', start))), parameterCount)
        const model = begun.slice()
        await training.train(body.round, model)
        const [bytes, before] = [model, begun.slice()].map(({ buffer }) => Buffer.from(buffer))
        for (let at = 4_000; at + 32 < bytes!.length; at += 4_000) {
          const piece = bytes!.subarray(at, at + 32)
          // Weights of pixels that are black in all images of a node stay as they are.
          if (piece.equals(before!.subarray(at, at + 32))) continue
          sought += 1
          expect([index, body.round, at, files.includes(piece)]).toEqual([index, body.round, at, false])
        }
        // What the search would find: the sum is there.
        if (body.privacy?.sum != null) {
          const { model: announced } = decodeAnnouncement(body.announcement).body
          const sum = await readFile(join(state, 'blobs', announced.toString()))
          expect(files.includes(sum.subarray(4_000, 4_032))).toBe(true)
        }
      }
    }
  } finally {
    await service.close()
  }
  expect(sought).toBeGreaterThan(100)
}

async function filesIn(folder: string): Promise<Buffer[]> {
  const found: Buffer[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) found.push(await readFile(join(entry.parentPath, entry.name)))
  return found
}

describe('ten nodes of a private run, two of them poisoning, one killed in the middle of a round', () => {
  it('come as far as without privacy, refuse the attackers, and every ledger replays', () =>
    inTemporaryFolder(async (folder) => {
      const plain = await playHosts(folder, 'plain', PLAIN, 'announcement.before-record:2')
      const shared = await playHosts(folder, 'private', PRIVATE, FAILPOINT)
      expect(shared.worst).toBeGreaterThan(plain.worst - 0.01)
      expect(shared.worst).toBeGreaterThan(0.75)

      const verified = await callCli(['ledger', 'verify', shared.hosts], folder)
      expect(verified.code, verified.stderr).toBe(0)
      const replay = await runCli(['ledger', 'replay', shared.hosts], folder)
      expect(replay.code, replay.stdout + replay.stderr).toBe(0)
      for (const index of honest.filter((one) => one !== DYING))
        expect(replay.stdout).toMatch(new RegExp(`^ok +${nameOf(index)} .*: ${ROUNDS} rounds agree`, 'm'))

      await expectNoModels(folder, shared.hosts)

      for (const index of honest.filter((one) => one !== DYING)) {
        const shown = await callCli(['ledger', 'show', join(shared.hosts, nameOf(index), 'state')], folder)
        expect(shown.stdout).not.toContain('no sum was opened')
        // Each poisoned model that was shared was refused, in each round.
        for (const attacker of POISONING) {
          const peer = (await entriesOf(join(shared.hosts, nameOf(attacker), 'state', 'ledger.car')))[0]!.body
            .author
          const lines = shown.stdout.split('\n').filter((line) => line.includes(peer.slice(-8)))
          expect(lines.filter((line) => line.trim().startsWith('refused'))).toHaveLength(ROUNDS)
          expect(lines.filter((line) => line.trim().startsWith('in the sum'))).toHaveLength(0)
        }
      }
    }))
})
