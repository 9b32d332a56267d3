import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { CellResult } from '@tempered/lab/matrix'
import { describe, expect, it } from 'vitest'
import { full, sized } from '../../../../test-support/tier.js'
import { callCli } from '../support/call-cli.js'
import { inTemporaryFolder, runCli, startCli } from '../support/run-cli.js'

const execFileAsync = promisify(execFile)
const tempered = fileURLToPath(new URL('../../../../tempered', import.meta.url))

/** Each with the rule, averaging, and both without an attack. */
const SEEDS = sized([1], [1, 2])
const CELLS = 4 * SEEDS.length

const LAB = {
  name: 'small',
  scenario: {
    nodes: 6,
    model: 'softmax',
    training: { rounds: 2, localSteps: 2 },
    evaluation: { every: 2, samples: 50 },
  },
  axes: {
    rules: ['median'],
    attacks: ['sign-flip-model'],
    topologies: [{ name: 'complete' }],
    seeds: SEEDS,
  },
}

async function cellsIn(folder: string): Promise<CellResult[]> {
  const matrix = JSON.parse(await readFile(join(folder, 'matrix.json'), 'utf8')) as { cells: CellResult[] }
  return matrix.cells
}

describe('tempered lab matrix', () => {
  it('runs every cell, the controls with them, and does only what is missing when it runs again', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'lab.yaml'), JSON.stringify(LAB))
      const first = await runCli(['lab', 'matrix', 'lab.yaml', '--json'], folder)
      expect(first.code, first.stderr).toBe(0)
      expect(first.stdout.trim().split('\n')).toHaveLength(CELLS)
      const out = join(folder, 'runs', 'small')
      const cells = await cellsIn(out)
      expect(cells.map(({ status }) => status)).toEqual(Array.from({ length: CELLS }, () => 'done'))
      for (const { measures } of cells) {
        expect(measures?.worstHonestAccuracy).toBeGreaterThan(0)
        expect(measures?.finishedHonest).toBeGreaterThan(4)
      }
      const csv = (await readFile(join(out, 'matrix.csv'), 'utf8')).trim().split('\n')
      expect(csv).toHaveLength(CELLS + 1)

      // One result is gone and another was cut off in the middle: these two are run again, to the same numbers.
      const [gone, torn] = (await readdir(join(out, 'cells'))).sort()
      await rm(join(out, 'cells', gone!))
      await writeFile(join(out, 'cells', torn!), '{"id":')
      const second = await runCli(['lab', 'matrix', 'lab.yaml', '--json', '--parallel', '1'], folder)
      expect(second.code, second.stderr).toBe(0)
      const again = second.stdout
        .trim()
        .split('\n')
        .map((line) => `${(JSON.parse(line) as CellResult).id}.json`)
      expect(again.sort()).toEqual([gone, torn])
      const accuracies = (all: CellResult[]) => all.map(({ measures }) => measures?.meanHonestAccuracy)
      expect(accuracies(await cellsIn(out))).toEqual(accuracies(cells))

      // A shard of the finished folder has nothing to do, and merging it gives the same matrix elsewhere.
      const shard = await callCli(['lab', 'matrix', 'lab.yaml', '--shard', '2/3', '--json'], folder)
      expect([shard.code, shard.stdout]).toEqual([0, ''])
      const merged = await callCli(['lab', 'merge', 'lab.yaml', 'runs/small', '--out', 'all'], folder)
      expect(merged.code, merged.stderr).toBe(0)
      expect(accuracies(await cellsIn(join(folder, 'all')))).toEqual(accuracies(cells))
    }))

  it.runIf(full)('runs a part that is asked for by name, and keeps what was done before', () =>
    inTemporaryFolder(async (folder) => {
      const lab = { ...LAB, axes: { ...LAB.axes, attacks: ['sign-flip-model', 'echo'], seeds: [1] } }
      await writeFile(join(folder, 'lab.yaml'), JSON.stringify(lab))
      const partOf = async (...args: string[]): Promise<string[]> => {
        const { code, stderr } = await runCli(['lab', 'matrix', 'lab.yaml', ...args], folder)
        expect(code, stderr).toBe(0)
        const cells = await cellsIn(join(folder, 'runs', 'small'))
        return cells.map(({ rule, attack, status }) => `${rule} ${attack} ${status}`)
      }
      const first = ['average none done', 'median none done', 'median echo done']
      expect(await partOf('--rule', 'median', '--attack', 'echo')).toEqual(first)
      expect(await partOf('--rule', 'average', '--attack', 'none')).toEqual(first)
    }),
  )

  it.runIf(full)('goes on after it was interrupted', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'lab.yaml'), JSON.stringify(LAB))
      const running = startCli(['lab', 'matrix', 'lab.yaml', '--json', '--parallel', '1'], folder)
      await running.line('stdout', (line) => (line.includes('"done"') ? line : undefined))
      running.child.kill('SIGINT')
      expect(await running.exit).toBe(130)
      const kept = running.stdout.length
      const again = await runCli(['lab', 'matrix', 'lab.yaml', '--json'], folder)
      expect(again.code, again.stderr).toBe(0)
      expect(again.stdout.trim().split('\n')).toHaveLength(CELLS - kept)
      expect((await cellsIn(join(folder, 'runs', 'small'))).every(({ status }) => status === 'done')).toBe(
        true,
      )
    }),
  )

  it('tells what is wrong with a lab before anything runs', () =>
    inTemporaryFolder(async (folder) => {
      const wrong = { ...LAB, axes: { ...LAB.axes, rules: [{ name: 'krum', params: { f: 9 } }] } }
      await writeFile(join(folder, 'lab.yaml'), JSON.stringify(wrong))
      const run = await callCli(['lab', 'matrix', 'lab.yaml'], folder)
      expect(run.code).toBe(2)
      expect(run.stderr).toMatch(/lab\.yaml:1:\d+: axes\.rules\.0\.params\.f: .*krum/)
      await writeFile(
        join(folder, 'lab.yaml'),
        'name: x\naxes:\n  rules: [median]\n  attacks: [{ name: ipm, from: 5, to: 2 }]\n',
      )
      const backwards = await callCli(['lab', 'matrix', 'lab.yaml'], folder)
      expect(backwards.code).toBe(2)
      expect(backwards.stderr).toMatch(
        /lab\.yaml:4:\d+: axes\.attacks\.0\.to: must not be before from, round 5/,
      )
      await writeFile(join(folder, 'lab.yaml'), 'name: x\naxes:\n  rules: [median]\n  seed: [1]\n')
      const unknown = await callCli(['lab', 'matrix', 'lab.yaml'], folder)
      expect(unknown.code).toBe(2)
      expect(unknown.stderr).toMatch(/lab\.yaml:4:3: unknown key "axes\.seed"; did you mean "seeds"/)
    }))
  it('tells with its place what an option makes wrong, and leaves no folder behind', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(
        join(folder, 'lab.yaml'),
        [
          'name: late',
          'scenario: { nodes: 4, faults: [{ at: 5, kill: [3] }] }',
          'axes:',
          '  rules: [median]',
          '  attacks: [{ name: echo, from: 4 }]',
          '  topologies: [ring]',
          '  fractions: [0.25]',
        ].join('\n'),
      )
      const short = await callCli(['lab', 'matrix', 'lab.yaml', '--rounds', '3'], folder)
      expect(short.code).toBe(2)
      expect(short.stderr).toMatch(
        /lab\.yaml:2:\d+: scenario\.faults\.0\.at: round 5 is after the last one, 3/,
      )
      expect(short.stderr).toMatch(
        /lab\.yaml:5:\d+: axes\.attacks\.0\.from: round 4 is after the last one, 3/,
      )
      expect(await readdir(folder)).toEqual(['lab.yaml'])
    }))
})

describe('tempered lab jobs', () => {
  it.runIf(full)(
    'writes a script whose shards, merged, are the whole matrix; a lost cell is repeated by its shard alone',
    () =>
      inTemporaryFolder(async (folder) => {
        await writeFile(
          join(folder, 'lab.yaml'),
          JSON.stringify({ ...LAB, axes: { ...LAB.axes, seeds: [1] } }),
        )
        const jobs = join(folder, 'small-jobs')
        const written = await callCli(['lab', 'jobs', 'lab.yaml', '--shards', '2'], folder)
        expect(written.code, written.stderr).toBe(0)
        const run = (...args: string[]) =>
          execFileAsync('sh', ['run.sh', ...args], { cwd: jobs, env: { ...process.env, TEMPERED: tempered } })
        await run()
        const whole = await cellsIn(join(jobs, 'results'))
        expect(whole.map(({ status }) => status)).toEqual(['done', 'done', 'done', 'done'])

        await rm(join(jobs, 'results', 'cells', `${whole[1]!.id}.json`))
        const lost = await callCli(['lab', 'merge', 'lab.yaml', 'results'], jobs)
        expect(lost.code).toBe(7)
        expect(lost.stderr).toContain('1 of 4 cells missing')
        expect((await run('2')).stderr).toContain('shard 2/2: 2 cells, 2 at the same time; 1 is already done')
        expect((await callCli(['lab', 'merge', 'lab.yaml', 'results'], jobs)).code).toBe(0)
        const again = await cellsIn(join(jobs, 'results'))
        const measured = (cells: CellResult[]) =>
          cells.map(({ id, measures }) => [id, measures?.worstHonestAccuracy, measures?.bytesPerRound])
        expect(measured(again)).toEqual(measured(whole))
      }),
  )

  it('merges no cells of another lab', () =>
    inTemporaryFolder(async (folder) => {
      await mkdir(join(folder, 'other', 'cells'), { recursive: true })
      await writeFile(join(folder, 'other', 'cells', 'x.json'), '{"id":"x","hash":"y","status":"done"}')
      await writeFile(join(folder, 'lab.yaml'), JSON.stringify(LAB))
      const merged = await callCli(['lab', 'merge', 'lab.yaml', 'other', '--out', 'all'], folder)
      expect(merged.code).toBe(2)
      expect(merged.stderr).toContain('E_FILE')
      expect(merged.stderr).toContain('of another lab')
      const empty = await callCli(['lab', 'merge', 'lab.yaml', '.', '--out', 'all'], folder)
      expect(empty.stderr).toContain('holds no results of a matrix')
    }))
})
