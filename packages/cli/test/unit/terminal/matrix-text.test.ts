import type { CellResult } from '@tempered/lab/matrix'
import { metricOf } from '@tempered/train'
import { expect, it } from 'vitest'
import { renderMatrix } from '../../../src/terminal/matrix-text.js'

const cell = (rule: string, attack: string, measures: object): CellResult =>
  ({
    ...{ id: `${rule}-${attack}`, hash: '', status: 'done', seconds: 1 },
    ...{ rule, attack, fraction: attack === 'none' ? 0 : 0.2, topology: 'ring', split: 'iid', seed: 1 },
    measures: { mter: null, asr: null, honestRefused: 0, bytesPerRound: 1000, aggregateMs: 1, ...measures },
  }) as unknown as CellResult

it('a matrix of accuracies shows errors, another one its metric with its direction', () => {
  const accuracy = renderMatrix(
    [cell('median', 'none', { mter: 0.1, worstHonestMetric: 0.9 })],
    metricOf('accuracy'),
    200,
  )
  expect(accuracy[1]).toBe('worst honest test error, mean over seeds; ring, iid')
  expect(accuracy.join('\n')).toMatch(/no attackers +10\.0 %/)
  const perplexity = renderMatrix(
    [
      cell('median', 'none', { worstHonestMetric: 12.3456 }),
      cell('median', 'ipm', { worstHonestMetric: 250 }),
    ],
    metricOf('perplexity'),
    200,
  )
  expect(perplexity[1]).toBe(
    'test perplexity (lower is better) of the worst honest node, mean over seeds; ring, iid',
  )
  expect(perplexity.join('\n')).toMatch(/no attackers +12\.35\nipm, 20 % +250\n/)
})
