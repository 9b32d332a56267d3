import { expect, it } from 'vitest'
import { namesWithSame, sameLines } from '../../src/client/same-lines.js'

it('lines with the same values name the first of them', () => {
  const lines = [
    [1, null, 0.5],
    [1, null, 0.5],
    [1, 0.5, 0.5],
    [null, null, null],
    [null, null, null],
    [1, null, 0.5],
  ]
  expect(sameLines(lines)).toEqual([null, 0, null, null, null, 0])
  expect(namesWithSame(['a', 'b', 'c'], lines.slice(0, 3))).toEqual(['a', 'b (same as a)', 'c'])
})
