import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readRun } from '../../../src/measures/read-run.js'
import { csvLine, ROW_COLUMNS, roundRows } from '../../../src/measures/rows.js'
import { findResults, findRuns, roleOf, storedRuleName } from '../../../src/measures/run-collection.js'
import { scoreRecord } from '../../../src/measures/score.js'
import { roundSeries } from '../../../src/measures/series.js'
import { type RunFixture, writeRun, writeScenarioRuns } from '../../support/run-fixture.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const plain: RunFixture = {
  rule: 'balance',
  attackers: [5],
  accuracy: (node, round) => 0.5 + 0.1 * round + 0.01 * node,
  accepts: (_, other) => other !== 5 && other !== 0,
  observed: true,
}

describe('readRun', () => {
  it('reads what a run left, and scores it', async () => {
    await inTemporaryFolder(async (folder) => {
      writeRun(folder, plain)
      const run = await readRun(folder)
      expect(run.record.nodes.map((node) => node.attack)).toEqual([
        null,
        null,
        null,
        null,
        null,
        'sign-flip-model',
      ])
      const score = scoreRecord(run.record, run.ledgers)
      expect(score.worst).toEqual({ node: 'node-00', value: 0.8 })
      expect(score.recall).toBe(1)
      // Each node has 4 neighbours. Honest 0…4: attacker 5 is judged by 0, 1, 3, 4; node 0 by 1, 2, 4 of the honest.
      expect(score.precision).toBeCloseTo(4 / 7)
      expect(score.asr).toBeCloseTo(0.5)
      expect(score.residentBytesPerNode).toBe(1e6)
      expect(score.ledgers.valid).toBe(6)
    })
  })

  it('bears a last line that was cut, and tells what happened by round', async () => {
    await inTemporaryFolder(async (folder) => {
      writeRun(folder, {
        ...plain,
        events: [
          { elapsedMs: 5000, type: 'quarantine', index: 1, peer: 'peer-5', round: 2, kind: 'forked-ledger' },
          { elapsedMs: 5001, type: 'fault', action: { type: 'kill', at: 2, node: 3 } },
          { elapsedMs: 5002, type: 'failed', index: 4, code: 'E_IO', message: 'gone' },
        ],
      })
      appendFileSync(join(folder, 'events.ndjson'), '{"elapsedMs":99,"type":"rou')
      const { incidents, record } = await readRun(folder)
      expect(incidents.map(({ kind, round, nodes }) => [kind, round, nodes])).toEqual([
        ['quarantine', 3, [1]],
        ['kill', 1, [3]],
        ['failed', 3, [4]],
      ])
      expect(record.gone).toEqual([3])
      expect(incidents[1]?.text).toBe('kill: node-03')
      expect(incidents[0]?.text).toBe('node-01 quarantined node-05: forked-ledger in round 3')
      expect(record.failed).toEqual([{ node: 'node-04', code: 'E_IO', message: 'gone' }])
    })
  })

  it('knows attackers that the plan drew, and does not wait for nodes that are gone', async () => {
    await inTemporaryFolder(async (folder) => {
      writeRun(folder, { ...plain, drawn: true, silentFrom: { 0: 2 }, events: [] })
      const lost = await readRun(folder)
      expect(lost.record.nodes[5]?.attack).toBe('sign-flip-model')
      expect(scoreRecord(lost.record, lost.ledgers).scoredRound).toBe(1)
      const kill = { elapsedMs: 1, type: 'fault', action: { type: 'kill', at: 2, node: 0 } }
      writeRun(folder, { ...plain, silentFrom: { 0: 2 }, events: [kill] })
      const killed = await readRun(folder)
      const score = scoreRecord(killed.record, killed.ledgers)
      expect([score.scoredRound, score.finishedHonest]).toEqual([3, 4])
      expect(score.worst?.node).toBe('node-01')
      writeRun(folder, {
        ...plain,
        events: [{ elapsedMs: 1, type: 'stopped', why: 'seconds', lastRound: 1 }],
      })
      const stopped = await readRun(folder)
      expect(scoreRecord(stopped.record, stopped.ledgers).scoredRound).toBe(1)
    })
  })

  it.each([
    ['named', {}],
    ['drawn', { drawn: true }],
    ['named in an old folder', { isOld: true }],
    ['drawn in an old folder', { drawn: true, isOld: true }],
  ])('knows in which rounds attackers attack that are %s', async (_, how) => {
    await inTemporaryFolder(async (folder) => {
      writeRun(folder, { ...plain, ...how, attackRounds: [2, 3], accepts: () => false })
      const { record } = await readRun(folder)
      expect(record.nodes.map(({ attackRounds }) => attackRounds)).toEqual([
        null,
        null,
        null,
        null,
        null,
        [1, 2],
      ])
      // Before and after, refusing the attacker is refusing an honest model; during it, he is four of the twenty who are.
      const points = roundSeries(record).map(({ recall, precision }) => [recall, precision])
      expect(points).toEqual([
        [null, 0],
        [1, 0.2],
        [1, 0.2],
        [null, 0],
      ])
      const rows = [...roundRows(record, { variant: 'attacked', rule: 'b', seed: 1 })]
      const ofFirst = rows.filter(({ node }) => node === 'node-00')
      expect(ofFirst.map(({ refused_hostile, refused_honest }) => [refused_hostile, refused_honest])).toEqual(
        [
          [0, 4],
          [1, 3],
          [1, 3],
          [0, 4],
        ],
      )
    })
  })

  it('reads folders that say nothing of memory by round', async () => {
    await inTemporaryFolder(async (folder) => {
      writeRun(folder, { ...plain, isOld: true })
      const { record } = await readRun(folder)
      expect(roundSeries(record)[0]?.residentBytes).toBeNull()
      const [row] = roundRows(record, { variant: 'attacked', rule: 'b', seed: 1 })
      expect(row?.resident_bytes).toBeNull()
    })
  })

  it('names the file that is missing or broken', async () => {
    await inTemporaryFolder(async (folder) => {
      writeRun(folder, plain)
      writeFileSync(join(folder, 'manifest.json'), '{')
      await expect(readRun(folder)).rejects.toMatchObject({
        code: 'E_FILE',
        message: expect.stringContaining('manifest.json'),
      })
      rmSync(join(folder, 'manifest.json'))
      await expect(readRun(folder)).rejects.toMatchObject({ code: 'E_FILE' })
    })
  })
})

describe('roundSeries', () => {
  it('has a point a round, over honest nodes', async () => {
    await inTemporaryFolder(async (folder) => {
      writeRun(folder, plain)
      const series = roundSeries((await readRun(folder)).record)
      expect(series.map((point) => point.round)).toEqual([0, 1, 2, 3])
      expect(series[1]).toMatchObject({
        honest: 5,
        worst: 0.6,
        best: 0.64,
        recall: 1,
        bytesSent: 500,
        residentBytes: 2e7,
      })
      expect(series[1]?.mean).toBeCloseTo(0.62)
      expect(series[1]?.consensusDistance).toBe(1)
      expect(series[1]?.phaseMs?.train).toBe(500)
    })
  })
})

describe('roundRows', () => {
  it('has a row per node and round, rounds from 1', async () => {
    await inTemporaryFolder(async (folder) => {
      writeRun(folder, plain)
      const rows = [...roundRows((await readRun(folder)).record, { variant: 'attacked', rule: 'b', seed: 1 })]
      expect(rows).toHaveLength(24)
      expect(rows[0]).toMatchObject({
        node: 'node-00',
        round: 1,
        accepted_honest: 3,
        refused_hostile: 1,
        resident_bytes: 2e7,
      })
      expect(Object.keys(rows[0]!)).toEqual([...ROW_COLUMNS])
      expect(rows.at(-1)).toMatchObject({
        node: 'node-05',
        role: 'sign-flip-model',
        round: 4,
        attack_success: null,
      })
    })
  })

  it('quotes what CSV needs quoted', () => {
    expect(csvLine(['a,b', 'say "x"', null, 1.5, 'two\nlines'])).toBe('"a,b","say ""x""",,1.5,"two\nlines"')
  })
})

describe('findRuns', () => {
  it('follows links, and finds a run once', async () => {
    await inTemporaryFolder(async (folder) => {
      writeRun(join(folder, 'volume', 'run'), plain)
      mkdirSync(join(folder, 'results', 'attacked'), { recursive: true })
      symlinkSync(join(folder, 'volume', 'run'), join(folder, 'results', 'attacked', 'seed-1'))
      symlinkSync(join(folder, 'results'), join(folder, 'results', 'circle'))
      const found = await findRuns(join(folder, 'results'))
      expect(found.map((place) => place.path)).toEqual(['attacked/seed-1'])
    })
  })

  it('finds the runs of a scenario, and what each is for', async () => {
    await inTemporaryFolder(async (folder) => {
      writeScenarioRuns(folder, [1, 2])
      mkdirSync(join(folder, 'attacked', 'seed-1', 'run', 'nodes', 'node-00'), { recursive: true })
      const places = await findRuns(folder)
      expect(places).toHaveLength(8)
      expect(places[0]?.path).toBe('attacked/seed-1/run')
    })
  })

  it('takes a run folder itself, and says when there is none', async () => {
    await inTemporaryFolder(async (folder) => {
      await expect(findRuns(folder)).rejects.toMatchObject({ code: 'E_FILE' })
      await expect(findRuns(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'E_FILE' })
      writeRun(folder, plain)
      expect((await findRuns(folder)).map((place) => place.path)).toEqual(['.'])
    })
  })

  it('takes one results folder, and refuses those above several', async () => {
    await inTemporaryFolder(async (folder) => {
      const runs = join(folder, 'runs')
      writeScenarioRuns(join(runs, 'one'), [1])
      writeRun(join(runs, 'demo', 'average'), plain)
      writeRun(join(runs, 'demo', 'balance'), plain)
      writeRun(join(runs, 'cluster'), plain)
      expect(await findResults(join(runs, 'one'))).toHaveLength(4)
      expect(await findResults(join(runs, 'demo'))).toHaveLength(2)
      expect(await findResults(join(runs, 'cluster'))).toHaveLength(1)
      for (const above of [runs, folder]) {
        await expect(findResults(above)).rejects.toMatchObject({
          code: 'E_FILE',
          message: expect.stringContaining(join(runs, 'demo')),
        })
      }
      await expect(findResults(join(folder, 'nowhere'))).rejects.toThrow(
        /there is no such folder; name a results/,
      )
      rmSync(runs, { recursive: true })
      await expect(findResults(folder)).rejects.toThrow(
        /contains no run.*events\.ndjson.*runs\/<name>-<date>/,
      )
    })
  })

  it('goes by what ran, not by the name of a folder', () => {
    const ran = (rule: string, attack: string | null, isPlain = rule === 'average') =>
      ({ isPlain, ruleTitle: rule, record: { nodes: [{ attack }] } }) as unknown as Parameters<
        typeof roleOf
      >[0] &
        Parameters<typeof storedRuleName>[1]
    expect(roleOf(ran('average', 'ipm'))).toBe('undefended')
    expect(roleOf(ran('average', null))).toBe('baseline')
    expect(roleOf(ran('average', 'ipm', false))).toBe('attacked')
    expect(roleOf(ran('krum', null))).toBe('honest')
    expect(storedRuleName('attacked-balance-2/seed-1', ran('balance', 'ipm'))).toBe('balance-2')
    expect(storedRuleName('attacked/seed-1', ran('balance', 'ipm'))).toBe('balance')
    expect(storedRuleName('attacked-average/seed-1', ran('average', 'ipm'))).toBe('average')
  })
})
