import { describe, expect, it } from 'vitest'
import type { ReportedRound } from '../../../src/events/reported-round.js'
import { isolatedNodes } from '../../../src/measures/isolation.js'
import type { RunRecord } from '../../../src/measures/run-record.js'

/** `verdicts[receiver][sender]`, by round: whether the model was accepted; null for none. */
type Verdicts = readonly (readonly (boolean | null)[])[]

function record(rounds: readonly Verdicts[], attackers: readonly number[] = []): RunRecord {
  const count = rounds[0]!.length
  const indices = Array.from({ length: count }, (_, index) => index)
  const report = (verdicts: Verdicts, receiver: number, round: number): ReportedRound =>
    ({
      round,
      neighbours: indices
        .filter((sender) => sender !== receiver)
        .map((sender) => {
          const accepted = verdicts[receiver]![sender] ?? null
          return { peer: `p${sender}`, accepted: accepted === true, arrival: accepted === null ? null : 0 }
        }),
    }) as unknown as ReportedRound
  return {
    nodes: indices.map((index) => ({
      index,
      name: `node-${index}`,
      peer: `p${index}`,
      attack: attackers.includes(index) ? 'ipm' : null,
      attackRounds: attackers.includes(index) ? [0, 99] : null,
    })),
    records: indices.map((index) => ({
      rounds: rounds.map((verdicts, round) => ({ report: report(verdicts, index, round), elapsedMs: 0 })),
    })),
  } as unknown as RunRecord
}

const yes = [
  [null, true, true],
  [true, null, true],
  [true, true, null],
]

describe('isolated nodes', () => {
  it('are those that refuse everything, or that everyone refuses, for three rounds in a row', () => {
    const alone = [
      [null, false, false],
      [false, null, true],
      [false, true, null],
    ]
    const deaf = [
      [null, true, true],
      [false, null, false],
      [true, true, null],
    ]
    expect(isolatedNodes(record([yes, alone, alone, yes]))).toEqual([])
    expect(isolatedNodes(record([yes, alone, alone, alone, yes]))).toEqual([
      { node: 'node-0', how: 'refuses-all', from: 1, to: 3 },
    ])
    expect(isolatedNodes(record([deaf, deaf, deaf, yes]))).toEqual([
      { node: 'node-1', how: 'refuses-all', from: 0, to: 2 },
    ])
    const shunned = [
      [null, true, true],
      [false, null, true],
      [false, true, null],
    ]
    expect(isolatedNodes(record([shunned, shunned, shunned, shunned]))).toEqual([
      { node: 'node-0', how: 'refused-by-all', from: 0, to: 3 },
    ])
  })

  it('are those that the rule of their private group refuses', () => {
    const shared = (self: number, isAccepted: boolean): ReportedRound['privacy'] =>
      ({
        members: [0, 1, 2].map((index) => ({
          peer: `p${index}`,
          isSelf: index === self,
          isShared: true,
          accepted: index !== 0 || isAccepted,
          weight: 0.5,
        })),
      }) as unknown as ReportedRound['privacy']
    const group = (refusedRounds: number): RunRecord => {
      const all = record([yes, yes, yes])
      for (const [self, { rounds }] of all.records.entries())
        for (const [k, { report }] of rounds.entries())
          Object.assign(report, { privacy: shared(self, k >= refusedRounds) })
      return all
    }
    expect(isolatedNodes(group(2))).toEqual([])
    expect(isolatedNodes(group(3))).toEqual([{ node: 'node-0', how: 'refused-by-group', from: 0, to: 2 }])
  })

  it('do not include attackers, or nodes that refuse attackers alone', () => {
    const refusesAttacker = [
      [null, false, null],
      [true, null, true],
      [null, true, null],
    ]
    const rounds = [refusesAttacker, refusesAttacker, refusesAttacker]
    expect(isolatedNodes(record(rounds, [1]))).toEqual([])
  })
})
