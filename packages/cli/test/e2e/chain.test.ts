import { spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createRunManifest } from '@tempered/node'
import { createSigner, sealManifest } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { full } from '../../../../test-support/tier.js'
import { openChainStore } from '../../../node/src/chain/chain-store.js'
import { callCli } from '../support/call-cli.js'
import { inTemporaryFolder, parseJson, runCli } from '../support/run-cli.js'

const SCENARIO = {
  name: 'chain',
  nodes: 4,
  chain: 'bft',
  model: 'softmax',
  data: { split: { kind: 'iid' } },
  rule: 'median',
  training: { rounds: 3, localSteps: 4, learningRate: 0.1 },
  evaluation: { every: 1, samples: 100 },
}

/** Runs the scenario; returns the results folder and the scores of each node and round. */
async function run(
  folder: string,
  stage: string,
  changes: object = {},
): Promise<{ nodes: string; scores: Record<string, number> }> {
  await writeFile(join(folder, 'chain.yaml'), JSON.stringify({ ...SCENARIO, ...changes }))
  const out = await runCli(
    ['scenario', 'run', 'chain.yaml', '--stage', stage, '--no-controls', '--out', stage, '--json'],
    folder,
  )
  expect(out.code, out.stderr).toBe(0)
  const scores: Record<string, number> = {}
  for (const line of out.stdout.trim().split('\n')) {
    const event = parseJson(line) as {
      type: string
      index: number
      report: { round: number; testMetric: number }
    }
    if (event.type === 'round') scores[`${event.index}/${event.report.round}`] = event.report.testMetric
  }
  const [name = ''] = await readdir(join(folder, stage))
  return { nodes: join(stage, name, 'attacked', 'seed-1', 'nodes'), scores }
}

describe('a common chain of real nodes', () => {
  it('is that of the simulation, verifies, replays, and shows any flipped byte', () =>
    inTemporaryFolder(async (folder) => {
      const { nodes, scores } = await run(folder, 'cluster')
      expect(Object.keys(scores)).toHaveLength(12)
      expect(scores).toEqual((await run(folder, 'simulate')).scores)

      const verified = await callCli(['chain', 'verify', nodes], folder)
      expect(verified).toMatchObject({ code: 0, stderr: '' })
      expect(verified.stdout.trim().split('\n')).toHaveLength(4)
      const file = join(nodes, 'node-00', 'chain.car')
      const shown = await callCli(['chain', 'show', file], folder)
      expect(shown.stdout).toMatch(/block 1 {2}round 1\/3 {2}4 models/)
      const replayed = await callCli(['chain', 'replay', nodes], folder)
      expect(replayed).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('3 blocks of 3 computed again with the same aggregate'),
      })

      const bytes = await readFile(join(folder, file))
      for (let k = 0; k < 24; k++) {
        const damaged = Buffer.from(bytes)
        const at = Math.floor(((k + 0.5) * bytes.length) / 24)
        damaged[at]! ^= 1 << (k % 8)
        await writeFile(join(folder, 'damaged.car'), damaged)
        const { code, stdout } = await callCli(['chain', 'verify', 'damaged.car'], folder)
        expect(code, `byte ${at}: ${stdout}`).toBe(6)
      }
    }))

  // Turns that nobody misses: whoever is drawn writes, however slow the machine is.
  const patient = { slotMs: 600_000, voteMs: 600_000 }
  it.runIf(full).each([
    ['bft', { deltaMs: 200_000 }, 0],
    ['pos', { slotMs: patient.slotMs }, 0],
    ['vbfl', patient, 0],
    ['pofl', { windowMs: 600_000 }, 0],
    // Who finds a nonce first is not the same everywhere.
    ['pow', { difficulty: 300_000, confirmations: 6 }, 0.1],
  ] as const)('of ten trains to the scores of its simulation: %s', (architecture, params, most) => {
    return inTemporaryFolder(async (folder) => {
      const changes = {
        nodes: 10,
        chain: { architecture, params },
        training: { rounds: 6, localSteps: 6, learningRate: 0.1 },
      }
      const real = await run(folder, 'cluster', changes)
      const simulated = await run(folder, 'simulate', changes)
      for (let node = 0; node < 10; node++) {
        const place = `${node}/5`
        expect(real.scores[place], `node ${node}`).toBeGreaterThan(0.5)
        const difference = Math.abs(real.scores[place]! - simulated.scores[place]!)
        expect(difference, `node ${node}`).toBeLessThanOrEqual(most)
      }
      const verified = await callCli(['chain', 'verify', real.nodes], folder)
      expect(verified, verified.stdout).toMatchObject({ code: 0, stderr: '' })
      expect(verified.stdout.trim().split('\n')).toHaveLength(10)
    })
  })

  it('goes on in the part that has a quorum, with every vote of it, and takes the others back', () =>
    inTemporaryFolder(async (folder) => {
      const faults = [
        { at: 3, partition: [[0, 1, 2], [3]] },
        { at: 5, heal: true },
      ]
      // Slow enough for the one that was cut off to come back in time.
      const training = { rounds: 12, localSteps: 40, learningRate: 0.05 }
      await writeFile(join(folder, 'parted.yaml'), JSON.stringify({ ...SCENARIO, training, faults }))
      const out = await runCli(['scenario', 'run', 'parted.yaml', '--no-controls', '--out', 'parted'], folder)
      expect(out.code, out.stderr).toBe(0)
      const [results = ''] = await readdir(join(folder, 'parted'))
      const verified = await callCli(['chain', 'verify', join('parted', results)], folder)
      expect(verified.code, verified.stdout).toBe(0)
      const heads = verified.stdout.match(/head \w+/g) ?? []
      expect(heads).toHaveLength(4)
      // Twelve rounds, and the blocks that close the chain.
      expect(Number(/(\d+) blocks of bft/.exec(verified.stdout)?.[1])).toBeGreaterThanOrEqual(12)
    }))

  it('is explained where there is none', () =>
    inTemporaryFolder(async (folder) => {
      const missing = await callCli(['chain', 'verify', 'nowhere'], folder)
      expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('nowhere') })
    }))
})

describe('the tutorial of docs/chain.md', () => {
  it('runs in a simulation and on real nodes, outside the project', () =>
    inTemporaryFolder(async (folder) => {
      const page = await readFile(new URL('../../../../docs/chain.md', import.meta.url), 'utf8')
      for (const [, name = '', text = ''] of page.matchAll(/^```(?:js|yaml) (\S+)\n(.*?)^```$/gms))
        await writeFile(join(folder, name), text)
      const made = await callCli(['new', 'architecture', 'turns', '--out', 'made'], folder)
      expect(made.code, made.stderr).toBe(0)
      expect(await readFile(join(folder, 'turns.mjs'), 'utf8')).toBe(
        await readFile(join(folder, 'made', 'turns.mjs'), 'utf8'),
      )
      const tested = spawnSync(process.execPath, ['--test', join(folder, 'made', 'turns.test.mjs')])
      expect(tested.status, String(tested.stdout)).toBe(0)

      for (const stage of ['simulate', 'cluster']) {
        const out = await runCli(
          ['scenario', 'run', 'run.yaml', '--stage', stage, '--rounds', '3', '--no-controls', '--out', stage],
          folder,
        )
        expect(out.code, out.stderr).toBe(0)
      }
      const [results = ''] = await readdir(join(folder, 'cluster'))
      const chains = join('cluster', results)
      const verified = await callCli(['chain', 'verify', chains, '--module', 'turns.mjs'], folder)
      expect(verified.code, verified.stdout).toBe(0)
      expect(verified.stdout.trim().split('\n')).toHaveLength(6)
    }))

  it('needs its file to be verified', () =>
    inTemporaryFolder(async (folder) => {
      const run = createRunManifest({
        members: [createSigner(new Uint8Array(32).fill(1)).peerId],
        chain: { architecture: 'bft', params: {} },
      })
      const manifest = sealManifest({ ...run.manifest, chain: { architecture: 'mine@0', params: {} } })
      await mkdir(join(folder, 'state'))
      await (await openChainStore(join(folder, 'state'), manifest)).close()
      const { code, stderr } = await callCli(['chain', 'verify', 'state/chain.car'], folder)
      expect(code).toBe(2)
      expect(stderr).toContain('there is no chain architecture "mine@0". Known: bft, pofl, pos, pow, vbfl')
      expect(stderr).toContain('name its file with --module')
    }))
})
