import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { full, sized } from '../../../../test-support/tier.js'
import { callCli } from '../support/call-cli.js'
import { type CliProcess, inTemporaryFolder, parseJson, runCli, startCli } from '../support/run-cli.js'

type Event = Record<string, unknown> & {
  action?: { type: string }
  report?: { round: number; neighbours: { peer: string; arrival: number | null }[] }
}

/** A small run in which no deadline passes by itself, however slow the machine is, but for lost neighbours. */
const base = (name: string, rounds: number) => `
name: ${name}
nodes: 4
topology: { name: complete }
data: { split: { kind: iid } }
model: softmax
training: { rounds: ${rounds}, localSteps: 3 }
rule: { name: average }
evaluation: { samples: 50 }
keepRounds: 1000
deadlines: { joinMs: 1000000, collectMs: 1000000, dialMs: 300000, firstByteMs: 300000, transferMs: 600000, reconnectMs: 100 }
controls: { honest: false, undefended: false, baseline: false }
`

/** Resolves once `look`, called with every event in order, has come to true. */
const watch = (cli: CliProcess, look: (event: Event) => boolean): Promise<true> =>
  cli.line('stdout', (line) => {
    const event = parseJson(line) as Event | undefined
    return event !== undefined && look(event) ? true : undefined
  })
const isFault = (event: Event, type: string): boolean => event.type === 'fault' && event.action?.type === type

describe('a scenario whose training diverges', () => {
  it('says so in one line per run, and exits 9 though its assertions were missed', () =>
    inTemporaryFolder(async (folder) => {
      const text = base('diverged', 3)
        .replace('model: softmax', 'model: mlp')
        .replace('localSteps: 3', 'localSteps: 10, learningRate: 100000')
      await writeFile(join(folder, 's.yaml'), `${text}assertions: ["worstHonestAccuracy >= 0.5"]\n`)
      const run = await runCli(['scenario', 'run', 's.yaml', '--stage', 'simulate'], folder)
      expect(run.code, run.stderr).toBe(9)
      for (const output of [run.stdout, run.stderr.split('error E_')[0]!]) {
        expect(output.match(/E_DIVERGED/g)).toHaveLength(1)
        expect(output).toMatch(/training diverged in round 1 at node-00.*lower training\.learningRate/)
      }
      expect(run.stderr).toMatch(/error E_DIVERGED: 1 of 1 assertion missed/)
      const [results = ''] = await readdir(join(folder, 'runs'))
      const page = await readFile(join(folder, 'runs', results, 'report.html'), 'utf8')
      expect(page).toMatch(/class="alert">[^<]*training diverged in round 1/)
      expect(page).toContain('"empty":"training diverged before the first round ended"')
    }))

  it('warns of a loss far above that of guessing', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(
        join(folder, 's.yaml'),
        base('high', 4).replace('localSteps: 3', 'localSteps: 3, learningRate: 100000'),
      )
      const run = await runCli(['scenario', 'run', 's.yaml', '--stage', 'simulate'], folder)
      expect(run.code, run.stderr).toBe(0)
      for (const output of [run.stdout, run.stderr])
        expect(output.match(/more than ten times above .* lower training\.learningRate/g)).toHaveLength(1)
    }))
})

describe('a scenario with faults', () => {
  it.runIf(full)('kills a node and starts it again; it goes on with the same ledger', () =>
    inTemporaryFolder(async (folder) => {
      // Its neighbours never run out of rounds before it is back: they end when it has been seen to go on.
      const faults = 'faults:\n  - { at: 2, kill: [1] }\n  - { at: 4, restart: [1] }\n'
      await writeFile(join(folder, 's.yaml'), base('kill', 100_000) + faults)
      const cli = startCli(['scenario', 'run', 's.yaml', '--json'], folder)
      const types: unknown[] = []
      let lives = 0
      let roundsAfterwards = 0
      await watch(cli, (event) => {
        types.push(event.type)
        if (isFault(event, 'kill') || isFault(event, 'restart')) lives += 1
        if (lives === 2 && event.type === 'round' && event.index === 1) roundsAfterwards += 1
        return roundsAfterwards === 2
      })
      cli.child.kill('SIGINT')
      expect(await cli.exit).toBe(130)
      // A planned death is none that anybody has to be told of.
      expect(types).not.toContain('host-gone')
      expect(types).not.toContain('failed')
      const verdict = await callCli(['ledger', 'verify', 'runs'], folder)
      expect(verdict.code, verdict.stderr).toBe(0)
    }),
  )

  it.runIf(full)('ends though a node comes back when the others are done, in a cluster and simulated', () =>
    inTemporaryFolder(async (folder) => {
      const faults = 'faults:\n  - { at: 2, kill: [1] }\n  - { at: 5, restart: [1] }\n'
      await writeFile(join(folder, 's.yaml'), base('late', 5) + faults)
      for (const stage of ['cluster', 'simulate']) {
        const call = stage === 'simulate' ? callCli : runCli
        const run = await call(['scenario', 'run', 's.yaml', '--stage', stage, '--out', stage], folder)
        expect(run.code, run.stderr).toBe(0)
        const [results] = await readdir(join(folder, stage))
        const { runs } = JSON.parse(await readFile(join(folder, stage, results!, 'summary.json'), 'utf8'))
        expect(runs[0].score.ledgers).toMatchObject({ checked: 4, valid: 4 })
      }
    }),
  )

  it('is no success when faults leave nobody who could finish, in a cluster and simulated', () =>
    inTemporaryFolder(async (folder) => {
      const text =
        'name: alone\nnodes: 3\ntopology: complete\nmodel: softmax\ntraining: { rounds: 3, localSteps: 1 }\n' +
        'rule: average\nfaults: [{ at: 1, kill: [0, 1] }]\ncontrols: { honest: false, undefended: false, baseline: false }\n'
      await writeFile(join(folder, 's.yaml'), text)
      for (const stage of sized(['simulate'], ['cluster', 'simulate'])) {
        const call = stage === 'simulate' ? callCli : runCli
        const run = await call(['scenario', 'run', 's.yaml', '--stage', stage, '--out', stage], folder)
        expect(run.code, run.stderr).toBe(7)
        expect(run.stderr).toMatch(/none of 3 honest nodes finished: node-02 had no neighbour left/)
      }
    }))

  it.runIf(full)('parts a run and heals it', () =>
    inTemporaryFolder(async (folder) => {
      const faults = 'faults:\n  - { at: 2, partition: [[0, 1], [2, 3]] }\n  - { at: 6, heal: true }\n'
      await writeFile(join(folder, 's.yaml'), base('part', 100_000) + faults)
      const cli = startCli(['scenario', 'run', 's.yaml', '--json'], folder)
      const arrived = (event: Event): number =>
        event.report?.neighbours.filter(({ arrival }) => arrival !== null).length ?? -1
      // Before: the whole run; then: each half alone; in the end: all again.
      const seen = { whole: false, halves: false, healed: false }
      await watch(cli, (event) => {
        if (isFault(event, 'heal')) seen.healed = true
        if (event.type !== 'round') return false
        if (arrived(event) === 3) seen.whole = true
        if (seen.whole && !seen.healed && arrived(event) === 1) seen.halves = true
        return seen.healed && arrived(event) === 3
      })
      expect(seen).toEqual({ whole: true, halves: true, healed: true })
      cli.child.kill('SIGINT')
      expect(await cli.exit).toBe(130)
    }),
  )

  it('stops at its target, judges its assertions, and exits 8 when one is missed', () =>
    inTemporaryFolder(async (folder) => {
      const goals =
        'stop: { targetAccuracy: 0.2 }\nassertions: [ meanHonestAccuracy >= 20 %, ledgersVerify, worstHonestAccuracy >= 99.9 % ]\n'
      await writeFile(join(folder, 's.yaml'), base('goals', 100_000) + goals)
      const script = await callCli(
        ['scenario', 'run', 's.yaml', '--stage', 'simulate', '--json', '--out', 'sim'],
        folder,
      )
      expect(script.code, script.stderr).toBe(8)
      const last = JSON.parse(script.stdout.trim().split('\n').at(-1)!)
      expect(last).toMatchObject({
        type: 'result',
        interrupted: false,
        runs: [{ variant: 'attacked', seed: 1 }],
      })
      expect(last.assertions.map(({ ok }: { ok: boolean }) => ok)).toEqual([true, true, false])
      const run = await runCli(['scenario', 'run', 's.yaml'], folder)
      expect(run.code, run.stderr).toBe(8)
      expect(run.stdout).toMatch(/held +meanHonestAccuracy >= 20 %/)
      expect(run.stdout).toMatch(/held +ledgersVerify/)
      expect(run.stdout).toMatch(/missed +wanted worstHonestAccuracy >= 99\.9 %, got \d+\.\d+ %/)
      expect(run.stderr).toContain('the target is reached')
      const [results] = await readdir(join(folder, 'runs'))
      const summary = JSON.parse(await readFile(join(folder, 'runs', results!, 'summary.json'), 'utf8'))
      expect(summary).toMatchObject({ name: 'goals', stage: 'cluster', ok: false, interrupted: false })
      expect(summary.runs[0]).toMatchObject({
        variant: 'attacked',
        seed: 1,
        folder: 'attacked/seed-1',
        stopped: 'target',
      })
      expect(summary.runs[0].measures.meanHonestAccuracy).toBeGreaterThanOrEqual(0.2)
    }))
})

describe('tempered scenario', () => {
  it('init writes a scenario that validate shows, and writes over nothing', () =>
    inTemporaryFolder(async (folder) => {
      expect((await callCli(['scenario', 'init', 'mine.yaml'], folder)).code).toBe(0)
      const again = await callCli(['scenario', 'init', 'mine.yaml'], folder)
      expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('--force')])
      const shown = await callCli(['scenario', 'validate', 'mine.yaml'], folder)
      expect(shown.code, shown.stderr).toBe(0)
      expect(shown.stdout).toMatch(/attack +sign-flip-model by node \d+, \d+; sees own, rounds 3 to 20/)
      expect(shown.stdout).toMatch(/runs +attacked, honest, undefended, baseline; seed 1/)
      const listed = await callCli(['scenario', 'list', '.'], folder)
      expect(listed.stdout).toMatch(/^mine\.yaml {2}scenario {2}Two of ten nodes/)
    }))

  it('validate gives file, line and column of every mistake, those that need the data among them', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'a.yaml'), 'nodes: 4\nfaults: [ { at: 2, restart: [1] } ]\nruel: 1\n')
      await writeFile(join(folder, 'b.yaml'), 'data:\n  source: ./nothing\n')
      const run = await callCli(['scenario', 'validate', 'a.yaml', 'b.yaml'], folder)
      expect(run.code).toBe(2)
      expect(run.stderr).toContain('a.yaml:2:30: faults.0.restart.0: node 1 is running in round 2')
      expect(run.stderr).toContain('a.yaml:3:1: unknown key "ruel"; did you mean "rule"?')
      expect(run.stderr).toMatch(/nothing: does not exist.* \(named at b\.yaml:2:11, data\.source\)/)
    }))
})
