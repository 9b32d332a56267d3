import { metricOf } from '@tempered/train'
import { expect, it } from 'vitest'
import type { Measures } from '../../../src/measures/catalogue.js'
import { openingCandidates, possibleAttacks } from '../../../src/red-team/attack-candidates.js'
import { harmOf, harmText, harmTitle } from '../../../src/red-team/harm.js'
import { createDataset } from '../../support/small-data.js'

const worst = (value: number | null) => ({ worstHonestMetric: value }) as Measures

it('harm grows as the metric gets worse, whatever its direction', () => {
  expect(harmOf(metricOf('accuracy'), worst(0.75))).toBe(0.25)
  expect(harmOf(metricOf('auroc'), worst(0.25))).toBe(0.75)
  expect(harmOf(metricOf('perplexity'), worst(31))).toBe(31)
  expect(harmOf(metricOf('mae'), worst(null))).toBeNull()
  expect([harmTitle(metricOf('accuracy')), harmText(metricOf('accuracy'), 0.25)]).toEqual([
    'worst honest test error',
    '25.0 %',
  ])
  expect([harmTitle(metricOf('f1')), harmText(metricOf('f1'), 0.12345)]).toEqual([
    '1 − worst honest test F1',
    '0.1235',
  ])
  expect(harmTitle(metricOf('rmse'))).toBe('worst honest test RMSE')
})

it('tries only attacks that the data and the trainers allow', () => {
  const images = createDataset(10, 4)
  const names = (train: typeof images, trainers?: { command: string[] }[]) =>
    openingCandidates(possibleAttacks({ trainers } as never, train)).map(({ name }) => name)
  const onData = ['label-flip', 'feature-noise', 'backdoor']
  expect(names(images)).toEqual(openingCandidates().map(({ name }) => name))
  expect(names(images)).toEqual(expect.arrayContaining(onData))
  // A table with classes: labels can be flipped.
  const table = { ...images, shape: [16] } as unknown as typeof images
  expect(names(table).filter((name) => onData.includes(name))).toEqual(['label-flip'])
  const numbers = { ...images, targets: new Float32Array(100), classes: 0 } as unknown as typeof images
  expect(names(numbers).filter((name) => onData.includes(name))).toEqual([])
  expect(names(images, [{ command: ['a'] }]).filter((name) => onData.includes(name))).toEqual([])
})
