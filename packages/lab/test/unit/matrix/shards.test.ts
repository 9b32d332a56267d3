import { describe, expect, it } from 'vitest'
import { parseShard, shardOf } from '../../../src/matrix/shards.js'

describe('shards', () => {
  it('are read from part/parts, counted from 1', () => {
    expect(parseShard('3/10')).toEqual({ index: 3, count: 10 })
    for (const text of ['0/3', '4/3', '1', '1/0', '-1/3', 'a/b', '1/3 ', '1.5/3'])
      expect(() => parseShard(text)).toThrow(expect.objectContaining({ code: 'E_USAGE' }))
  })

  it('take turns, cover every item once, and are as equal as can be', () => {
    const items = Array.from({ length: 23 }, (_, k) => k)
    for (const count of [1, 2, 5, 23, 40]) {
      const shards = Array.from({ length: count }, (_, k) => shardOf(items, { index: k + 1, count }))
      expect(shards.flat().sort((a, b) => a - b)).toEqual(items)
      const sizes = shards.map(({ length }) => length)
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
    }
  })
})
