import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { full, sized } from '../../../../test-support/tier.js'
import { callCli } from '../support/call-cli.js'
import { inTemporaryFolder, parseJson, runCli, startCli } from '../support/run-cli.js'

const TRAINER = fileURLToPath(new URL('../support/linear-trainer.mjs', import.meta.url))

const TASK = `task: line
input: { type: table, columns: [{ name: x, type: number, mean: 0, deviation: 1 }] }
output: { type: number, columns: [{ name: y, mean: 0, deviation: 2 }] }
metrics: [mae]
model: { layers: [{ layer: dense, units: 1 }] }
`

/** A line of `--json`. */
interface Line {
  readonly index?: number
  readonly report?: {
    readonly round: number
    readonly aggregateCid?: string
    readonly neighbours?: readonly { readonly peer: string }[]
  }
  readonly runs?: readonly { readonly folder: string }[]
}

/** Points of the line y = 3x + 1. */
function points(rows: number): string {
  const lines = Array.from({ length: rows }, (_, k) => ((k * 37) % 100) / 50 - 1)
  return `x,y\n${lines.map((x) => `${x.toFixed(2)},${(3 * x + 1).toFixed(2)}\n`).join('')}`
}

/** Nodes 0 and 2 have trainers with data of their own, 1 and 3 train in the engine. */
async function writeScenario(folder: string, mode = 'plain', more = ''): Promise<void> {
  await writeFile(join(folder, 'points.csv'), points(200))
  for (const node of [0, 2]) await writeFile(join(folder, `part-${node}.csv`), points(50))
  await writeFile(join(folder, 'task.yaml'), TASK)
  const command = JSON.stringify([process.execPath, TRAINER, 'part-{node}.csv', mode])
  await writeFile(
    join(folder, 's.yaml'),
    `name: mixed
nodes: 4
topology: complete
task: task.yaml
rule: median
data: { source: points.csv, split: { kind: iid } }
training: { rounds: 3, localSteps: 20, learningRate: 0.1 }
trainers: [{ nodes: [0, 2], command: ${command} }]
controls: { honest: false, undefended: false, baseline: false }
${more}`,
  )
}

/** The same nodes in three cells. */
async function writeLab(folder: string, mode = 'plain'): Promise<void> {
  await writeScenario(folder)
  const command = JSON.stringify([process.execPath, TRAINER, 'part-{node}.csv', mode])
  await writeFile(
    join(folder, 'lab.yaml'),
    `name: lines
scenario:
  nodes: 4
  task: task.yaml
  data: { source: points.csv }
  training: { rounds: 2, localSteps: 20, learningRate: 0.1 }
  trainers: [{ nodes: [0, 2], command: ${command} }]
axes: { rules: [median], attacks: [sign-flip-model], fractions: [0.25], topologies: [complete], splits: [{ kind: iid }] }
controls: { undefended: false }
`,
  )
}

/** Pids of all trainers that were started, and of those that still run. */
async function trainers(folder: string): Promise<{ started: number[]; left: number[] }> {
  const texts = await Promise.all(
    [0, 2].map((node) => readFile(join(folder, `part-${node}.csv.pids`), 'utf8').catch(() => '')),
  )
  const started = texts.flatMap((text) => text.split('\n').filter(Boolean).map(Number))
  return { started, left: started.filter(isRunning) }
}

function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z')
}

async function ended(folder: string): Promise<number> {
  for (let look = 0; look < 100; look++) {
    const { started, left } = await trainers(folder)
    if (left.length === 0) return started.length
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`trainers are left: ${(await trainers(folder)).left}`)
}

describe('trainers of a scenario', () => {
  it('are clipped and noised like the engine, to the same bits on both stages, and are refused noise on samples', () =>
    inTemporaryFolder(async (folder) => {
      const privacy = (on: string) =>
        `differentialPrivacy: { on: ${on}, clip: 0.5, noiseMultiplier: 0.1, delta: 0.001 }\n`
      await writeScenario(folder, 'plain', privacy('update'))
      const said: unknown[] = []
      for (const stage of ['cluster', 'simulate']) {
        const run = await runCli(['scenario', 'run', 's.yaml', '--stage', stage, '--json'], folder)
        expect(run.code, run.stderr).toBe(0)
        const reports = run.stdout
          .trim()
          .split('\n')
          .flatMap((line) => {
            const { index, report } = parseJson(line) as Line & { report?: Record<string, unknown> }
            return report?.modelCid === undefined
              ? []
              : [[index, report.round, report.modelCid, report.differentialPrivacy]]
          })
        expect(reports).toHaveLength(4 * 3)
        expect(
          reports.every(([, round, , spent]) => (spent as { steps: number }).steps === Number(round) + 1),
        ).toBe(true)
        said.push(reports.map((report) => JSON.stringify(report)).sort())
      }
      expect(said[1]).toEqual(said[0])
      await writeScenario(folder, 'plain', privacy('sample'))
      const refused = await callCli(['scenario', 'validate', 's.yaml'], folder)
      expect(refused.code).toBe(2)
      expect(refused.stderr).toContain('trainer processes show the node no gradients; use on: update')
    }))

  it('train with nodes of the engine in a cluster and a simulation, to the same bits', () =>
    inTemporaryFolder(async (folder) => {
      await writeScenario(folder, 'plain', 'assertions: [worstHonestMetric <= 0.2]\n')
      const shown = await callCli(['scenario', 'validate', 's.yaml'], folder)
      expect(shown.stdout).toMatch(
        /trainer +\S*node \S*linear-trainer\.mjs part-\{node\}\.csv .*for nodes 0, 2/,
      )
      const models: string[][] = []
      for (const stage of ['cluster', 'simulate']) {
        const run = await runCli(['scenario', 'run', 's.yaml', '--stage', stage, '--json'], folder)
        expect(run.code, run.stderr).toBe(0)
        const lines = run.stdout.trim().split('\n').map(parseJson) as Line[]
        models.push(
          lines
            .flatMap(({ index, report }) =>
              index === undefined || report?.aggregateCid === undefined
                ? []
                : [`${index} ${report.round} ${report.aggregateCid}`],
            )
            .sort(),
        )
        expect(lines.at(-1)).toMatchObject({ type: 'result', runs: [{ ledgers: { checked: 4, valid: 4 } }] })
        const log = stage === 'simulate' ? 'trainers.log' : 'host-0.log'
        const results = lines.at(-1)?.runs?.[0]?.folder ?? ''
        const text = await readFile(join(results, 'hosts', log), 'utf8')
        if (stage === 'cluster') {
          const { neighbours = [] } =
            lines.find(({ index, report }) => index === 1 && report?.aggregateCid !== undefined)?.report ?? {}
          const args = ['ledger', 'explain', join(results, 'nodes', 'node-01'), '--round', '1']
          const explain = [
            ...args,
            '--peer',
            neighbours[0]?.peer ?? '',
            '--blobs',
            results,
            '--data',
            'points.csv',
          ]
          const explained = await callCli(explain, folder)
          expect(explained.stdout, explained.stderr).toMatch(
            /^ {2}MAE {8}\d\.\d+ as recorded, .*test samples of points\.csv; lower is better\)$/m,
          )
        }
        expect(text).toMatch(/"component":"trainer".*"msg":"starting .*part-0\.csv plain"/)
      }
      expect(models[1]).toEqual(models[0])
      expect(models[0]).toHaveLength(12)
      expect(await ended(folder)).toBe(4)
    }))

  it.each(sized(['simulate'], ['cluster', 'simulate']))(
    'that crash say why and leave no process (%s)',
    (stage) =>
      inTemporaryFolder(async (folder) => {
        await writeScenario(folder, 'crash')
        const run = await runCli(['scenario', 'run', 's.yaml', '--stage', stage], folder)
        expect(run.code).toBe(7)
        expect(run.stderr).toContain('E_TRAINER_CRASHED')
        expect(run.stderr).toContain('it last printed: no second round here')
        expect(run.stderr).toMatch(/trainer of node-00: .*starting it again \(1 of 2\)/)
        // Three starts of each.
        expect(await ended(folder)).toBe(6)
      }),
  )

  it.each([
    ['scenario', 'run', 's.yaml', '--stage', 'cluster'],
    ['scenario', 'run', 's.yaml', '--stage', 'simulate'],
    ['lab', 'matrix', 'lab.yaml', '--parallel', '1'],
  ])('end with Ctrl-C even when they are deaf: %s %s %s %s %s', (...args) =>
    inTemporaryFolder(async (folder) => {
      await writeLab(folder, 'deaf')
      await writeScenario(folder, 'deaf')
      const run = startCli(args, folder)
      for (let look = 0; (await trainers(folder)).started.length < 2; look++) {
        expect(look, run.stderr.join('\n')).toBeLessThan(600)
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      // Until they train.
      await new Promise((resolve) => setTimeout(resolve, 2000))
      expect((await trainers(folder)).left).toHaveLength(2)
      run.child.kill('SIGINT')
      expect(await run.exit).toBe(130)
      expect(await ended(folder)).toBe(2)
    }),
  )

  it('train in the cells of a lab, which is judged by the metric of its task', () =>
    inTemporaryFolder(async (folder) => {
      await writeLab(folder)
      const run = await runCli(['lab', 'matrix', 'lab.yaml'], folder)
      expect(run.code, run.stderr).toBe(0)
      expect(run.stdout).toContain('test MAE (lower is better) of the worst honest node, mean over seeds')
      expect(run.stderr).toMatch(/worst MAE \d/)
      const results = join(folder, 'runs', 'lines')
      expect(JSON.parse(await readFile(join(results, 'matrix.json'), 'utf8'))).toMatchObject({
        metric: 'mae',
      })
      expect(await readFile(join(results, 'summary.md'), 'utf8')).toContain('Test MAE (lower is better)')
      expect(await ended(folder)).toBe(2 * 3)
    }))

  it.runIf(full)('start again with their node, and end with the process of a node that is killed', () =>
    inTemporaryFolder(async (folder) => {
      const faults = 'faults: [{ at: 1, kill: [2] }, { at: 2, restart: [2] }]\n'
      await writeScenario(folder, 'plain', faults)
      for (const stage of ['cluster', 'simulate']) {
        const run = await runCli(['scenario', 'run', 's.yaml', '--stage', stage], folder)
        expect(run.code, run.stderr).toBe(0)
      }
      expect(await ended(folder)).toBe(6)
    }),
  )
})

/** A model that no layers describe, and all nodes with a trainer: no data are named. */
async function writeOwnModel(folder: string, trainers = ''): Promise<void> {
  for (const node of [0, 1, 2, 3]) await writeFile(join(folder, `part-${node}.csv`), points(50))
  const tensors = 'tensors: [{ name: slope, shape: [1, 1] }, { name: offset, shape: [1] }]'
  await writeFile(join(folder, 'task.yaml'), TASK.replace(/layers: .*\]/, tensors))
  const command = JSON.stringify([process.execPath, TRAINER, 'part-{node}.csv'])
  const some = trainers === '' ? `[{ command: ${command} }]` : trainers
  const common = (indent: string): string =>
    [
      'nodes: 4',
      'task: task.yaml',
      'training: { rounds: 2, localSteps: 20, learningRate: 0.1 }',
      `trainers: ${some}`,
    ]
      .map((line) => `${indent}${line}\n`)
      .join('')
  const none = 'controls: { honest: false, undefended: false, baseline: false }\n'
  await writeFile(
    join(folder, 's.yaml'),
    `name: own\nseeds: [1, 5]\nrule: median\ntopology: complete\n${common('')}${none}`,
  )
  await writeFile(
    join(folder, 'lab.yaml'),
    `name: own\nscenario:\n${common('  ')}axes: { rules: [median], attacks: [sign-flip-model], fractions: [0.25], topologies: [complete], splits: [{ kind: iid }] }\ncontrols: { undefended: false }\n`,
  )
}

describe('a model that only trainers know', () => {
  it('begins with what a trainer names for each seed, without any data of the scenario, on both stages', () =>
    inTemporaryFolder(async (folder) => {
      await writeOwnModel(folder)
      const shown = await callCli(['scenario', 'validate', 's.yaml'], folder)
      expect(shown.stdout, shown.stderr).toContain('for all nodes, with data of its own')
      expect(shown.stdout).not.toContain('label')
      const text = await readFile(join(folder, 's.yaml'), 'utf8')
      await writeFile(join(folder, 'named.yaml'), `${text}data: { source: gone.csv }\n`)
      const named = await callCli(['scenario', 'validate', 'named.yaml'], folder)
      expect(named.stdout, named.stderr).toMatch(
        /data\.source \S*gone\.csv is not used: every node has a trainer/,
      )
      const begun: string[][] = []
      for (const stage of ['cluster', 'simulate']) {
        const run = await runCli(['scenario', 'run', 's.yaml', '--stage', stage, '--json'], folder)
        expect(run.code, run.stderr).toBe(0)
        const last = parseJson(run.stdout.trim().split('\n').at(-1) ?? '') as Line
        expect(last.runs).toMatchObject([
          { ledgers: { checked: 4, valid: 4 } },
          { ledgers: { checked: 4, valid: 4 } },
        ])
        const manifests = (last.runs ?? []).map((one) => readFile(join(one.folder, 'manifest.json'), 'utf8'))
        begun.push((await Promise.all(manifests)).map((text) => JSON.parse(text).model.initialCid))
        const page = await readFile(join(last.runs?.[0]?.folder ?? '', '../../report.html'), 'utf8')
        expect(page).toContain('data of the trainers')
      }
      expect(begun[1]).toEqual(begun[0])
      expect(new Set(begun[0]).size).toBe(2)
    }))

  it('runs in the cells of a lab', () =>
    inTemporaryFolder(async (folder) => {
      await writeOwnModel(folder)
      const run = await runCli(['lab', 'matrix', 'lab.yaml', '--parallel', '1'], folder)
      expect(run.code, run.stderr).toBe(0)
      expect(run.stdout).toContain('test MAE (lower is better) of the worst honest node')
      // One in each of three cells; and one that is asked for the first model, by each of the two processes.
      const started = await readFile(join(folder, 'part-0.csv.pids'), 'utf8')
      expect(started.trim().split('\n')).toHaveLength(5)
    }))

  it.each([
    ['', 'no trainers', /s\.yaml:6:7: task: the model of task line .*but nodes 0–3 have none/],
    [
      '[{ nodes: [0, 2, 3], command: [a] }]',
      'one missing',
      /s\.yaml:8:11: trainers: the model of task line .*but node 1 has none/,
    ],
  ])('is refused where a node has no trainer: %s', (trainers, _, message) =>
    inTemporaryFolder(async (folder) => {
      await writeOwnModel(folder, trainers)
      if (trainers === '') {
        const text = await readFile(join(folder, 's.yaml'), 'utf8')
        await writeFile(join(folder, 's.yaml'), text.replace(/^trainers: .*\n/m, ''))
      }
      for (const command of ['validate', 'run']) {
        const run = await callCli(['scenario', command, 's.yaml'], folder)
        expect(run.code).toBe(2)
        expect(run.stderr).toMatch(message)
      }
    }),
  )
})
