import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createRng, type RngKey } from '../../src/rng.js'

const table: { streams: { labels: RngKey[]; uint32: number[] }[] } = JSON.parse(
  readFileSync(new URL('./rng-streams.json', import.meta.url), 'utf8'),
)

test.each(table.streams)('the stream $labels', ({ labels: keys, uint32 }) => {
  const rng = createRng(...keys)
  expect(uint32.map(() => rng.nextUint32())).toEqual(uint32)
})
