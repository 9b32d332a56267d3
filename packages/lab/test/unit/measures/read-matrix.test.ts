import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type MetricName, metricOf } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import type { Measures } from '../../../src/measures/catalogue.js'
import { measureInfoFor } from '../../../src/measures/metric-measures.js'
import { type MatrixCell, matrixGroups, matrixMetric, readMatrix } from '../../../src/measures/read-matrix.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const cell = (
  rule: string,
  attack: string,
  fraction: number,
  seed: number,
  worst: number | null,
): MatrixCell => ({
  id: `${rule}-${attack}-${fraction}-${seed}`,
  rule,
  attack,
  fraction,
  topology: 'ring',
  split: 'iid',
  seed,
  status: worst === null ? 'failed' : 'done',
  ...(worst === null ? { error: 'E_TEST: broken' } : {}),
  measures:
    worst === null ? null : ({ worstHonestAccuracy: worst, honestRefused: 0.1 } as unknown as Measures),
})

describe('matrixGroups', () => {
  const groups = matrixGroups([
    cell('average', 'none', 0, 1, 0.9),
    cell('average', 'none', 0, 2, 0.8),
    cell('krum', 'none', 0, 1, 0.7),
    cell('krum', 'none', 0, 2, 0.7),
    cell('average', 'ipm', 0.2, 1, 0.1),
    cell('average', 'ipm', 0.2, 2, 0.2),
    cell('krum', 'ipm', 0.2, 1, 0.6),
    cell('krum', 'ipm', 0.2, 2, null),
  ])
  const at = (rule: string, attack: string) =>
    groups.find((group) => group.rule === rule && group.attack === attack)!

  it('puts seeds together and counts what failed', () => {
    expect(at('average', 'none').measures.worstHonestAccuracy).toMatchObject({ low: 0.8, high: 0.9 })
    expect(at('krum', 'ipm')).toMatchObject({ done: 1, failed: 1, missing: 0, errors: ['E_TEST: broken'] })
  })

  it('takes the cost from the runs without an attacker, whatever their fraction', () => {
    const { benefit, cost } = at('krum', 'ipm').balance
    expect(benefit.worstGained?.mean).toBeCloseTo(0.5)
    // 0.9 − 0.7 and 0.8 − 0.7.
    expect(cost.worstLost?.mean).toBeCloseTo(0.15)
    expect(cost.honestRefused?.mean).toBeCloseTo(0.1)
    expect(at('krum', 'none').balance.benefit.worstGained).toBeNull()
  })
})

describe('a matrix of errors', () => {
  const mae = (rule: string, attack: string, worst: number): MatrixCell => ({
    ...cell(rule, attack, attack === 'none' ? 0 : 0.2, 1, worst),
    measures: { worstHonestAccuracy: null, worstHonestMetric: worst, asr: null } as unknown as Measures,
  })

  it('counts a larger error as a loss, and a smaller one as a gain', () => {
    const cells = [mae('average', 'none', 2), mae('median', 'none', 2.5)]
    const attacked = [mae('average', 'ipm', 9), mae('median', 'ipm', 3)]
    const groups = matrixGroups([...cells, ...attacked], metricOf('mae'))
    const { benefit, cost, metric } = groups.find(
      ({ rule, attack }) => rule === 'median' && attack === 'ipm',
    )!.balance
    expect(metric.name).toBe('mae')
    expect(benefit.worstGained?.mean).toBe(6)
    expect(cost.worstLost?.mean).toBe(0.5)
  })

  it('says its metric; older ones are of accuracy, and unknown ones are refused', () => {
    expect(matrixMetric({ metric: 'mae' })).toMatchObject({ better: 'lower' })
    expect(matrixMetric({}).name).toBe('accuracy')
    expect(() => matrixMetric({ metric: 'bleu' as 'mae' })).toThrow(
      'metric bleu is unknown to this version of Tempered',
    )
  })

  it('shows measures of the metric with its name, unit and direction', () => {
    const shown = (metric: MetricName) => measureInfoFor('worstHonestMetric', metricOf(metric))
    expect(shown('mae')).toMatchObject({ label: 'worst honest node, MAE', better: 'low' })
    expect(shown('auroc')).toMatchObject({ label: 'worst honest node, AUROC', better: 'high' })
    expect(shown('accuracy')).toMatchObject({ label: 'worst honest node', better: null })
  })
})

describe('readMatrix', () => {
  it('refuses what is no matrix', async () => {
    await inTemporaryFolder(async (folder) => {
      for (const text of ['{', '{"kind":"other"}', 'null']) {
        writeFileSync(join(folder, 'matrix.json'), text)
        await expect(readMatrix(folder)).rejects.toMatchObject({ code: 'E_FILE' })
      }
    })
  })
})
