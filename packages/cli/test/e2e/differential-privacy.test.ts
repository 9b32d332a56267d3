import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Manifest, PrivacyRecord } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { callCli } from '../support/call-cli.js'
import { inTemporaryFolder, parseJson, runCli } from '../support/run-cli.js'

const NODES = 4
const ROUNDS = 3
const SCENARIO = {
  name: 'private',
  nodes: NODES,
  topology: 'complete',
  model: 'softmax',
  data: { split: { kind: 'iid' } },
  rule: 'average',
  training: { rounds: ROUNDS, localSteps: 4, batchSize: 64, learningRate: 0.2 },
  evaluation: { every: 1, samples: 100 },
  keepRounds: 5,
  // No deadline may pass, however slow the machine is.
  deadlines: {
    joinMs: 1_000_000,
    collectMs: 1_000_000,
    dialMs: 300_000,
    firstByteMs: 300_000,
    transferMs: 600_000,
    reconnectMs: 300_000,
  },
}
const noise = { clip: 1, noiseMultiplier: 2, delta: 1e-5 }

/** Runs the scenario; returns the run's folder and what every node said in every round. */
async function play(folder: string, on: 'sample' | 'update', stage: string) {
  const scenario = { ...SCENARIO, differentialPrivacy: { on, ...noise } }
  await writeFile(join(folder, `${on}.yaml`), JSON.stringify(scenario))
  const results = `${on}-${stage}`
  const out = await runCli(
    ['scenario', 'run', `${on}.yaml`, '--stage', stage, '--no-controls', '--out', results, '--json'],
    folder,
  )
  expect(out.code, out.stderr).toBe(0)
  const said: Record<string, { readonly spent: PrivacyRecord; readonly models: readonly string[] }> = {}
  for (const line of out.stdout.trim().split('\n')) {
    const event = parseJson(line) as {
      type: string
      index: number
      report: {
        round: number
        trainingLoss: number | null
        differentialPrivacy: PrivacyRecord
        modelCid: string
        aggregateCid: string
      }
    }
    if (event.type !== 'round') continue
    const { round, trainingLoss, differentialPrivacy: spent, modelCid, aggregateCid } = event.report
    expect(trainingLoss).toBeNull()
    said[`${event.index}/${round}`] = { spent, models: [modelCid, aggregateCid] }
  }
  const [name = ''] = await readdir(join(folder, results))
  return { results: join(results, name), run: join(results, name, 'attacked', 'seed-1'), said }
}

describe('a scenario with differential privacy', () => {
  // dp-accounting 0.6.0 at a delta of 1e-5: GaussianDpEvent(2), 3 steps; PoissonSampledDpEvent(64/2000, GaussianDpEvent(2)), 12 steps.
  it.each([
    ['update', 3, 1, 4.01191164235448],
    ['sample', 12, 64 / 2000, 0.35364003360052215],
  ] as const)(
    'on each %s spends what the accountant says, on both stages bit for bit',
    (on, steps, rate, epsilon) =>
      inTemporaryFolder(async (folder) => {
        const { results, run, said } = await play(folder, on, 'cluster')
        expect(Object.keys(said)).toHaveLength(NODES * ROUNDS)
        expect((await play(folder, on, 'simulate')).said).toEqual(said)
        const last = said[`0/${ROUNDS - 1}`]!.spent
        expect(last).toMatchObject({ steps, samplingRate: rate })
        expect(Math.abs(last.epsilon / epsilon - 1)).toBeLessThan(1e-9)

        const nodes = join(run, 'nodes')
        expect(await callCli(['ledger', 'verify', nodes], folder)).toMatchObject({ code: 0 })
        const replayed = await callCli(['ledger', 'replay', nodes], folder)
        expect(replayed, replayed.stdout).toMatchObject({ code: 0 })
        expect(replayed.stdout.match(/3 rounds agree/g)).toHaveLength(NODES)
        const text = epsilon.toPrecision(4)
        const shown = await callCli(['ledger', 'show', join(nodes, 'node-00'), '--round', '3'], folder)
        expect(shown.stdout).toContain(`epsilon ${text}`)
        expect(shown.stdout).toContain('loss –')
        const exported = await callCli(['model', 'export', join(nodes, 'node-00'), '--out', 'model'], folder)
        expect(exported, exported.stderr).toMatchObject({ code: 0 })
        const card = await readFile(join(folder, 'model', 'README.md'), 'utf8')
        expect(card).toContain(`| differential privacy | ε = ${Number(text)} at δ = 0.00001`)
        expect(card).toContain(`${steps} noisy steps, clip 1, noise multiplier 2`)
        const page = await readFile(join(folder, results, 'report.html'), 'utf8')
        expect(page).toContain('ε spent after the scored round')
      }),
  )
})

describe('manifest create', () => {
  it('asks for noise, or finds it for an epsilon, and says what the run will have spent', () =>
    inTemporaryFolder(async (folder) => {
      for (const name of ['a', 'b']) expect((await callCli(['node', 'init', name], folder)).code).toBe(0)
      const create = (out: string, ...more: string[]) =>
        callCli(['manifest', 'create', '--member', 'a', '--member', 'b', '--out', out, ...more], folder)
      const read = async (name: string) => JSON.parse(await readFile(join(folder, name), 'utf8')) as Manifest
      const asked = ['--dp-on', 'update', '--dp-clip', '1', '--dp-delta', '0.00001']
      const given = await create('noise.json', ...asked, '--dp-noise', '2', '--rounds', '3')
      expect(given, given.stderr).toMatchObject({ code: 0 })
      expect((await read('noise.json')).differentialPrivacy).toEqual({ on: 'update', ...noise })
      expect(given.stderr).toContain('epsilon 4.012 at delta 0.00001 after 3 rounds')
      const found = await create('epsilon.json', ...asked, '--dp-epsilon', '8', '--rounds', '15')
      expect(found.stderr).toMatch(/epsilon (7\.99\d|8\.000) at delta/)
      const least = (await read('epsilon.json')).differentialPrivacy!.noiseMultiplier
      expect(least).toBeGreaterThan(2.47)
      expect(least).toBeLessThan(2.48)
      const onSamples = ['--dp-on', 'sample', '--dp-clip', '1', '--dp-delta', '0.00001', '--dp-epsilon', '2']
      const sampled = await create('sample.json', ...onSamples, '--dp-samples', '1000')
      expect(sampled.stderr).toMatch(
        /epsilon (1\.99\d|2\.000) at delta 0\.00001 after 20 rounds for a member with 1000 samples/,
      )
      expect((await create('plain.json')).code).toBe(0)
      expect(await read('plain.json')).not.toHaveProperty('differentialPrivacy')
      for (const [flags, message] of [
        [['--dp-clip', '1'], '--dp-clip is part of differential privacy; say what gets noise with --dp-on'],
        [['--dp-on', 'update', '--dp-delta', '0.1', '--dp-noise', '1'], 'needs --dp-clip'],
        [['--dp-on', 'update', '--dp-clip', '1', '--dp-noise', '1'], 'needs --dp-delta'],
        [asked, 'needs --dp-noise or --dp-epsilon, and not both'],
        [
          [...asked, '--dp-noise', '1', '--dp-epsilon', '1'],
          'needs --dp-noise or --dp-epsilon, and not both',
        ],
        [[...asked, '--dp-epsilon', '-1'], '--dp-epsilon must be above 0'],
        [
          [...asked, '--dp-epsilon', '1e-9'],
          'no noise keeps 20 steps within an epsilon of 1e-9; give a larger one',
        ],
        [[...asked, '--dp-noise', '1', '--dp-samples', '5'], '--dp-samples is for --dp-on sample'],
        [onSamples, 'needs --dp-samples, the fewest samples that a member has'],
        [
          [...asked, '--dp-noise', '1', '--rule', 'ubar', '--rule-param', 'rho=0.5'],
          'rule ubar writes losses',
        ],
        [[...asked, '--dp-noise', '1', '--contribution', '1'], 'scores of contributions publish losses'],
      ] as const) {
        const refused = await create('refused.json', ...flags)
        expect(refused.code, flags.join(' ')).toBe(2)
        expect(refused.stderr).toContain(message)
      }
    }))
})
