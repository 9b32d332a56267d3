import { describe, expect, it } from 'vitest'
import type { ReportedRound } from '../../../src/events/reported-round.js'
import { measuresOf } from '../../../src/measures/catalogue.js'
import { MEASURES } from '../../../src/measures/measures.js'
import type { NodeRecord } from '../../../src/measures/run-record.js'
import type { ScoreInput } from '../../../src/run/score-run.js'
import { scoreRun } from '../../../src/run/score-run.js'

type Neighbour = ReportedRound['neighbours'][number]

const neighbour = (peer: string, accepted: boolean, arrival: number | null = 0): Neighbour => ({
  peer,
  accepted,
  weight: accepted ? 0.5 : 0,
  score: 1,
  threshold: 2,
  reason: accepted ? 'accepted' : 'distance-above-threshold',
  arrival,
  latenessMs: arrival === null ? null : 0,
})

const report = (
  round: number,
  testMetric: number | null,
  neighbours: readonly Neighbour[],
): ReportedRound => ({
  round,
  trainingLoss: 1,
  testLoss: 1,
  testMetric,
  neighbours,
  modelCid: 'm',
  aggregateCid: 'a',
  entryCid: 'e',
  bytesReceived: 100,
  bytesSent: 50,
  residentBytes: 2e7,
  phaseMs: { train: 500, publish: 100, collect: 200, aggregate: 100, evaluate: 50, ledger: 50 },
})

const record = (...rounds: [ReportedRound, number][]): NodeRecord => ({
  rounds: rounds.map(([entry, elapsedMs]) => ({ report: entry, elapsedMs })),
})

/** Two honest nodes a and b, one attacker x, two rounds. */
function input(records: readonly NodeRecord[], rule = 'balance', from = 0): ScoreInput {
  const nodes = ['a', 'b', 'x'].map((peer, index) => ({
    index,
    name: `node-${peer}`,
    identity: { signer: { peerId: peer } },
    attack: peer === 'x' ? { name: 'ipm', params: {}, from, to: 1 } : undefined,
  }))
  const run = { manifest: { training: { rounds: 2 }, rule: { name: rule } } }
  return { plan: { nodes, run }, records, failed: [], verdicts: [] } as unknown as ScoreInput
}

describe('scoreRun', () => {
  it('takes worst, mean and best from honest nodes that finished the last round', () => {
    const score = scoreRun(
      input([
        record([report(0, 0.5, []), 1000], [report(1, 0.9, []), 2000]),
        record([report(0, 0.4, []), 1000], [report(1, 0.7, []), 2500]),
        record([report(1, 0.1, []), 2000]),
      ]),
    )
    expect(score.worst).toEqual({ node: 'node-b', value: 0.7 })
    expect(score.mean).toBeCloseTo(0.8)
    expect(score.best).toEqual({ node: 'node-a', value: 0.9 })
    expect(score.finishedHonest).toBe(2)
  })

  it('takes epsilon from the honest node that has spent most by the scored round', () => {
    const spent = (round: number, epsilon: number): ReportedRound => ({
      ...report(round, 0.5, []),
      differentialPrivacy: { epsilon, steps: 1, samplingRate: 1 },
    })
    const records = [
      record([spent(0, 1), 1], [spent(1, 2), 2]),
      record([spent(0, 1), 1], [spent(1, 3), 2]),
      record([spent(0, 9), 1], [spent(1, 9), 2]),
    ]
    expect(MEASURES.epsilon.of(scoreRun(input(records)))).toBe(3)
    const plain = records.map(() => record([report(0, 0.5, []), 1], [report(1, 0.5, []), 2]))
    expect(MEASURES.epsilon.of(scoreRun(input(plain)))).toBeNull()
    expect(scoreRun(input(plain))).not.toHaveProperty('epsilon')
  })

  it('leaves out an honest node that failed', () => {
    const score = scoreRun({
      ...input([record([report(0, 0.5, []), 1000]), record([report(1, 0.7, []), 2000]), record()]),
      failed: [{ node: 'node-a', code: 'E_TEST', message: '' }],
    })
    expect(score.finishedHonest).toBe(1)
    expect(score.scoredRound).toBe(1)
    expect(score.worst?.node).toBe('node-b')
  })

  it('judges a stopped run after the last round that all honest nodes finished', () => {
    const score = scoreRun({
      ...input([
        record([report(0, 0.5, []), 1000], [report(1, 0.9, []), 2000]),
        record([report(0, 0.4, []), 1500]),
        record(),
      ]),
      gone: [],
    })
    expect(score.scoredRound).toBe(0)
    expect(score.worst).toEqual({ node: 'node-b', value: 0.4 })
    expect(score.best).toEqual({ node: 'node-a', value: 0.5 })
    expect(score.finishedHonest).toBe(1)
  })

  it('judges a run after its last round when nobody counted who is gone', () => {
    const score = scoreRun(
      input([
        record([report(0, 0.5, []), 1000], [report(1, 0.9, []), 2000]),
        record([report(0, 0.4, []), 1500]),
        record(),
      ]),
    )
    expect([score.scoredRound, score.finishedHonest, score.worst?.value]).toEqual([1, 1, 0.9])
  })

  it('judges after the round that a stop condition named', () => {
    const two = record([report(0, 0.5, []), 1000], [report(1, 0.9, []), 2000])
    const score = scoreRun({ ...input([two, two, record()]), lastRound: 0 })
    expect([score.scoredRound, score.worst?.value]).toEqual([0, 0.5])
    expect(scoreRun({ ...input([two, record(), record()]), lastRound: 0 }).finishedHonest).toBe(1)
  })

  it('names the honest nodes that did not finish, but not those that failed or that faults took away', () => {
    const one = record([report(0, 0.5, []), 1000])
    const all = record([report(0, 0.5, []), 1000], [report(1, 0.9, []), 2000])
    const unfinished = (changes: Partial<ScoreInput>): readonly string[] =>
      scoreRun({ ...input([one, all, one]), ...changes }).unfinished
    expect(unfinished({})).toEqual(['node-a'])
    expect(unfinished({ gone: [0] })).toEqual([])
    expect(unfinished({ failed: [{ node: 'node-a', code: 'E_TEST', message: '' }] })).toEqual([])
    expect(unfinished({ lastRound: 0 })).toEqual([])
  })

  it('judges after a round that was evaluated, if there is one', () => {
    const score = scoreRun({
      ...input([
        record([report(0, 0.5, []), 1000], [report(1, null, []), 2000]),
        record([report(0, 0.4, []), 1500], [report(1, null, []), 2000]),
        record(),
      ]),
      gone: [],
    })
    expect(score.scoredRound).toBe(0)
    expect(score.mean).toBeCloseTo(0.45)
  })

  it('takes spread, attack success at the worst node, consensus distance and memory', () => {
    const score = scoreRun({
      ...input([record([report(0, 0.5, []), 1000]), record([report(0, 0.9, []), 1000]), record()]),
      observed: [{ type: 'observed', round: 0, consensusDistance: 3, attackSuccess: { 0: 0.2, 1: 0.7 } }],
      residentBytes: 300,
    })
    expect(score.spread).toBeCloseTo(0.2)
    expect([score.asr, score.consensusDistance, score.residentBytesPerNode]).toEqual([0.7, 3, 100])
    expect(measuresOf(score)).toMatchObject({ worstHonestAccuracy: 0.5, mter: 0.5, asr: 0.7 })
    expect(Object.keys(measuresOf(score)).sort()).toEqual(Object.keys(MEASURES).sort())
  })

  it('counts precision and recall over models that arrived at honest nodes', () => {
    const score = scoreRun(
      input([
        record([report(0, null, [neighbour('b', false), neighbour('x', false)]), 1000]),
        record([
          report(0, null, [neighbour('a', true), neighbour('x', true), neighbour('x', false, null)]),
          1000,
        ]),
        // What the attacker refuses does not count.
        record([report(0, null, [neighbour('a', false), neighbour('b', false)]), 1000]),
      ]),
    )
    expect(score.precision).toBe(0.5)
    expect(score.recall).toBe(0.5)
    expect(score.honestRefused).toBe(0.5)
    // Two of the four that arrived.
    expect(score.acceptance).toBe(0.5)
  })

  it('takes what an attacker sends before its attack as honest', () => {
    const records = [
      record(
        [report(0, null, [neighbour('b', true), neighbour('x', false)]), 1000],
        [report(1, null, [neighbour('b', true), neighbour('x', true)]), 2000],
      ),
      record(),
      record(),
    ]
    expect(scoreRun(input(records))).toMatchObject({ precision: 1, recall: 0.5, honestRefused: 0 })
    expect(scoreRun(input(records, 'balance', 1))).toMatchObject({ precision: 0, recall: 0 })
    expect(scoreRun(input(records, 'balance', 1)).honestRefused).toBeCloseTo(1 / 3)
  })

  it('measures neither precision nor recall of a rule that weighs all', () => {
    const records = (accepted: boolean) => [
      record([report(0, null, [neighbour('b', true), neighbour('x', accepted)]), 1000]),
      record(),
      record(),
    ]
    expect(scoreRun(input(records(true), 'median'))).toMatchObject({ precision: null, recall: null })
    expect(scoreRun(input(records(true), 'balance'))).toMatchObject({ precision: null, recall: 0 })
    // As when it is not finite, which no rule could take.
    expect(scoreRun(input(records(false), 'median'))).toMatchObject({ precision: null, recall: null })
    expect(scoreRun(input(records(false), 'median')).acceptance).toBe(0.5)
  })

  it('measures what attackers weigh in the aggregates that they reached', () => {
    const weighing = (peer: string, weight: number) => ({ ...neighbour(peer, true), weight })
    const score = scoreRun(
      input([
        record([report(0, null, [weighing('b', 0.5), weighing('x', 0.1)]), 1000]),
        record(
          [report(0, null, [weighing('a', 0.5), weighing('x', 0.3)]), 1000],
          [report(1, null, [weighing('a', 0.5)]), 2000],
        ),
        record([report(0, null, [weighing('a', 0.9)]), 1000]),
      ]),
    )
    expect(score.hostileWeight).toBeCloseTo(0.2)
  })

  it('says null where there was nothing to measure', () => {
    const score = scoreRun(input([record(), record(), record()]))
    expect([score.worst, score.mean, score.precision, score.recall, score.bytesPerNodeRound]).toEqual([
      null,
      null,
      null,
      null,
      null,
    ])
  })

  it('measures bytes over all nodes and wall-clock seconds from the first training to the last entry', () => {
    const score = scoreRun(
      input([record([report(0, null, []), 2000]), record([report(1, null, []), 5000]), record()]),
    )
    expect(score.bytesPerNodeRound).toBe(150)
    // The first round began at 2000 − 1000 ms, the last ended at 5000 ms; two rounds.
    expect(score.secondsPerRound).toBeCloseTo(2)
  })
})
