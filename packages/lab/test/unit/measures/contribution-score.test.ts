import { describe, expect, it } from 'vitest'
import type { ReportedRound } from '../../../src/events/reported-round.js'
import { contributionScore } from '../../../src/measures/contribution-score.js'
import type { RunRecord } from '../../../src/measures/run-record.js'

type Reason = NonNullable<NonNullable<ReportedRound['contribution']>['own']>['freeRide']

const NODES = ['a', 'b', 'c', 'd']
const compared = { distance: 1, cosine: 0.5, novelty: 1, overlap: 0.5, copyOf: null }

/** A run of one round in which node i says `said[i][j]` about node j, and gains `gains[j]` from it. */
function recordOf(
  attacks: readonly (string | null)[],
  said: readonly (readonly Reason[])[] | null,
  gains: readonly number[] = [0, 0, 0, 0],
): RunRecord {
  const reportOf = (i: number): ReportedRound => {
    const others = NODES.flatMap((_, j) => (j === i ? [] : [j]))
    return {
      round: 0,
      trainingLoss: 1,
      testLoss: null,
      testMetric: null,
      neighbours: others.map((j) => ({
        peer: NODES[j]!,
        accepted: true,
        weight: 0.25,
        score: null,
        threshold: null,
        reason: 'accepted',
        arrival: j,
        latenessMs: 0,
      })),
      ...(said === null
        ? {}
        : {
            contribution: {
              start: { loss: null, metric: null },
              own: { ...compared, freeRide: said[i]![i]! },
              neighbours: others.map((j) => ({
                ...compared,
                leaveOneOut: gains[j]!,
                freeRide: said[i]![j]!,
              })),
            },
          }),
      modelCid: 'm',
      aggregateCid: 'a',
      entryCid: 'e',
      bytesReceived: 0,
      bytesSent: 0,
      phaseMs: { train: 0, publish: 0, collect: 0, aggregate: 0, evaluate: 0, ledger: 0 },
    }
  }
  return {
    rule: 'average',
    weighsAll: true,
    rounds: 1,
    nodes: NODES.map((peer, index) => ({
      index,
      name: `node-${peer}`,
      peer,
      attack: attacks[index]!,
      attackRounds: attacks[index] === null ? null : [0, 0],
    })),
    records: NODES.map((_, i) => ({ rounds: [{ report: reportOf(i), elapsedMs: 1 }] })),
    failed: [],
    gone: [],
    stoppedAfter: null,
    observed: [],
    residentBytes: null,
  }
}

const nobody: Reason[] = [null, null, null, null]
const about = (...columns: number[]): Reason[] => NODES.map((_, j) => (columns.includes(j) ? 'noise' : null))

describe('contributionScore', () => {
  it('is absent where nothing is scored', () => {
    expect(contributionScore(recordOf([null, null, null, null], null))).toBeUndefined()
  })

  it('counts whom others flag, and whom its own entries do', () => {
    // Three flag c; d flags only itself; one of three flags a.
    const said = [about(2), about(2), nobody, about(2, 0, 3)]
    const score = contributionScore(recordOf([null, null, 'echo', 'free-rider'], said))
    expect(score).toMatchObject({ precision: 1, recall: 1, recallByOthers: 0.5, honestFlagged: 0 })
    expect(score?.members.map(({ node, isFreeRider }) => [node, isFreeRider])).toEqual([
      ['node-a', false],
      ['node-b', false],
      ['node-c', true],
      ['node-d', true],
    ])
  })

  it('takes attacks that poison for no free riders, nor for honest nodes', () => {
    const said = [about(1, 2), about(2), about(1), about(1, 2)]
    const score = contributionScore(recordOf([null, null, 'sign-flip-model', null], said))
    // b and c are flagged; b is honest, and c attacks in another way.
    expect(score).toMatchObject({ precision: 0, recall: null, recallByOthers: null, honestFlagged: 1 / 3 })
  })

  it('has the gains of honest nodes and attackers, and no precision where nobody is flagged', () => {
    const score = contributionScore(
      recordOf(['delta-weights', null, null, null], [nobody, nobody, nobody, nobody], [-1, 1, 2, 3]),
    )
    expect(score).toMatchObject({ precision: null, recall: 0, honestGain: 2, attackerGain: -1 })
  })
})
