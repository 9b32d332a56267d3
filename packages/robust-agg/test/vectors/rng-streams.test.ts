import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createRng, type RngLabel } from '../../src/rng.js'

const table: { streams: { labels: RngLabel[]; uint32: number[] }[] } = JSON.parse(
  readFileSync(new URL('./rng-streams.json', import.meta.url), 'utf8'),
)

test.each(table.streams)('the stream $labels', ({ labels, uint32 }) => {
  const rng = createRng(...labels)
  expect(uint32.map(() => rng.nextUint32())).toEqual(uint32)
})
