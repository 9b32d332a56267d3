import { metricOf } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import { divergenceText, highLossNodes, highLossText } from '../../../src/measures/divergence.js'
import type { RunRecord } from '../../../src/measures/run-record.js'

const message = (parameter: number) =>
  `training diverged in round 1: parameter ${parameter} is NaN, and nothing was announced. The learning rate is too high; lower it`

describe('nodes whose training diverged', () => {
  it('are one sentence, with their rounds, the cause and the remedy', () => {
    const failed = [2, 0].map((node) => ({
      node: `node-0${node}`,
      code: 'E_DIVERGED',
      message: message(node),
      round: node === 0 ? 0 : 1,
    }))
    const other = { node: 'node-09', code: 'E_IO', message: 'the disk is full' }
    expect(divergenceText([...failed, other])).toBe(
      'training diverged in rounds 1–2 at node-00, node-02: the learning rate is too high; lower it',
    )
    expect(divergenceText([other])).toBeUndefined()
  })

  it('are not listed by the thousand', () => {
    const failed = Array.from({ length: 1000 }, (_, k) => ({
      node: `node-${String(k).padStart(3, '0')}`,
      code: 'E_DIVERGED',
      message: message(k),
    }))
    expect(divergenceText(failed)).toMatch(/ at node-000, .*node-007 and 992 more: the learning rate/)
  })
})

/** Two honest nodes and an attacker with these losses by round. */
function record(losses: readonly (readonly (number | null)[])[]): RunRecord {
  return {
    taskFacts: { metric: metricOf('accuracy'), highLoss: 10 * Math.log(10) },
    nodes: losses.map((_, index) => ({ index, name: `node-${index}`, attack: index === 2 ? 'ipm' : null })),
    records: losses.map((own) => ({
      rounds: own.map((trainingLoss, round) => ({ report: { round, trainingLoss }, elapsedMs: 0 })),
    })),
  } as unknown as RunRecord
}

describe('losses far above that of guessing', () => {
  it('count from three rounds in a row on, at honest nodes', () => {
    const run = record([
      [2, 500, 30, 24, 3],
      [500, 500, 2, 500, 500],
      [900, 900, 900, 900, 900],
    ])
    const found = highLossNodes(run)
    expect(found).toEqual([{ node: 'node-0', from: 1, to: 3, loss: 500 }])
    expect(highLossText(found, false)).toMatch(
      /1 honest node \(node-0\) .* rounds 2 to 4, up to 500: .*training\.learningRate/,
    )
    expect(highLossText(found, true)).toMatch(/attackers/)
    expect(highLossText([], false)).toBeUndefined()
  })

  it('are unknown without the number of classes', () => {
    expect(highLossNodes({ ...record([[99, 99, 99]]), taskFacts: undefined } as never)).toEqual([])
  })
})
