import { PNG } from 'pngjs'
import { describe, expect, it } from 'vitest'
import { ColumnStatistics } from '../../../src/data/inspect/column-statistics.js'
import { contactSheet } from '../../../src/data/inspect/contact-sheet.js'
import { imageSheet } from '../../../src/data/inspect/image-sheet.js'
import { inspectSource } from '../../../src/data/inspect/inspect-source.js'
import { fixture } from '../../support/data-files.js'

function summary(cells: unknown[]) {
  const column = new ColumnStatistics('c')
  cells.forEach((cell, k) => {
    column.add(cell as never, k + 2)
  })
  return column.finish()
}

describe('columns', () => {
  const long = 'a text that is too long for a name '.repeat(2)
  it.each([
    ['numbers as texts', 'number', ['1', '2.5', '', '-3']],
    ['numbers of all kinds', 'number', [1, 2n, true]],
    ['few texts', 'category', ['a', 'b', 'a', 'NA']],
    ['texts that never repeat', 'text', ['one', 'two', 'three']],
    ['long texts', 'text', [long, long, 'a']],
    ['nothing', 'empty', ['', 'NA', null]],
    ['numbers and texts', 'category', ['1', 'x', '1']],
  ])('have a type: %s are %s', (_, type, cells) => {
    expect(summary(cells).type).toBe(type)
  })

  it('have mean and deviation without loss for large numbers', () => {
    const { mean, deviation, min, max } = summary([1e9 + 1, 1e9 + 2, 1e9 + 3])
    expect([mean, min, max]).toEqual([1e9 + 2, 1e9 + 1, 1e9 + 3])
    expect(deviation).toBeCloseTo(Math.sqrt(2 / 3), 9)
  })

  it('say what keeps them from being numbers', () => {
    const numbers = Array.from({ length: 30 }, (_, k) => String(k % 5))
    expect(summary([...numbers, 'Infinity'])).toMatchObject({
      type: 'category',
      notNumbers: { count: 1, first: '"Infinity"', line: 32 },
    })
    expect(summary(numbers).notNumbers).toBeUndefined()
    expect(summary(['1', 'x', '1']).notNumbers).toBeUndefined()
  })

  it('count values up to a thousand', () => {
    expect(summary(Array.from({ length: 1001 }, (_, k) => k)).distinct).toBeUndefined()
    expect(summary(Array.from({ length: 1000 }, (_, k) => k)).distinct).toBe(1000)
  })
})

describe('sources', () => {
  it('are summed up: a table', async () => {
    const { format, train } = await inspectSource(fixture('pandas.csv'), '')
    expect(format).toBe('csv')
    expect(train).toMatchObject({
      rows: 4,
      columns: [{ name: 'age', type: 'number', missing: 1, min: 28, max: 47.5 }, {}, {}, {}],
    })
  })

  it('are summed up: images', async () => {
    const { train, test, images } = await inspectSource(fixture('split.npz'), '')
    expect(images).toBe(true)
    expect(train).toMatchObject({
      samples: 4,
      shape: [2, 4, 1],
      min: 0,
      max: 31,
      targets: { labels: [2, 2] },
    })
    expect(test).toMatchObject({ samples: 2, mean: [7 / 255], deviation: [0] })
  })

  it('give a sheet of images, a row per class', async () => {
    const sheet = PNG.sync.read(await contactSheet(fixture('split.npz'), ''))
    expect([sheet.width, sheet.height]).toEqual([2 * (4 * 16 + 2) + 2, 2 * (2 * 16 + 2) + 2])
    await expect(contactSheet(fixture('pandas.csv'), '')).rejects.toThrow(/no images/)
  })

  it('shows images enlarged, in their places, and leaves out those that are missing', async () => {
    const colours = Uint8Array.of(10, 20, 30, 40, 50, 60)
    const sheet = PNG.sync.read(await imageSheet([[undefined, colours], [colours]], [1, 2, 3]))
    // Two by two cells of 64×32 pixels and gaps of two.
    expect([sheet.width, sheet.height]).toEqual([2 * 66 + 2, 2 * 34 + 2])
    const at = (x: number, y: number) => [...sheet.data.subarray(4 * (y * sheet.width + x)).subarray(0, 3)]
    expect([at(1, 1), at(2, 2), at(130, 50)]).toEqual([
      [255, 255, 255],
      [255, 255, 255],
      [255, 255, 255],
    ])
    expect([at(68, 2), at(131, 33), at(2, 36)]).toEqual([
      [10, 20, 30],
      [40, 50, 60],
      [10, 20, 30],
    ])
    const grey = PNG.sync.read(await imageSheet([[Uint8Array.of(7)]], [1, 1]))
    expect([...grey.data.subarray(4 * (2 * grey.width + 2)).subarray(0, 3)]).toEqual([7, 7, 7])
  })
})
