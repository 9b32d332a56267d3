import { expect, it } from 'vitest'
import { MOST_METRIC, metricText } from '../../src/jobs/outcome.js'

it.each<[bigint, string]>([
  [870_000n, '0.87'],
  [-1_500_000n, '-1.5'],
  [BigInt(MOST_METRIC) * 1_000_000n, 'not finite'],
  [-BigInt(MOST_METRIC) * 1_000_000n, 'not finite'],
])('a metric of %s millionths is %s', (millionths, text) => {
  expect(metricText(millionths)).toBe(text)
})
