import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder } from '../../../../../lab/test/support/temporary-folder.js'
import { inputArray } from '../../../../src/data/dataset.js'
import { drawTest, rowHash } from '../../../../src/data/encode/test-share.js'
import { loadData } from '../../../../src/data/load-data.js'
import { ownTask } from '../../../support/own-task.js'

const marked = (test: Uint8Array) => [...test.keys()].filter((k) => test[k] === 1)

describe('the share for tests', () => {
  it('is drawn by a hash that never changes', () => {
    expect([0, 1, 2, 1000].map(rowHash)).toEqual([2462723854, 2527132011, 3024231355, 661457464])
    expect(marked(drawTest(10, 0.3))).toEqual(marked(drawTest(10, 0.3)))
    expect(marked(drawTest(10, 0.3))).toHaveLength(3)
  })

  it('has the share of every label', () => {
    const labels = Array.from({ length: 110 }, (_, k) => (k < 100 ? 0 : 1))
    const test = marked(drawTest(110, 0.2, labels))
    expect(test.filter((k) => k < 100)).toHaveLength(20)
    expect(test.filter((k) => k >= 100)).toHaveLength(2)
  })

  it('keeps the samples of a row together', () => {
    const rows = [0, 0, 0, 1, 2, 2, 3, 3, 3, 3]
    const test = drawTest(10, 0.5, undefined, rows)
    for (const row of [0, 1, 2, 3]) expect(new Set([...test].filter((_, k) => rows[k] === row)).size).toBe(1)
  })

  it('leaves neither part empty when there are two rows', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 60 }),
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        (count, share) => {
          const tests = marked(drawTest(count, share)).length
          if (count < 2) return tests === 0 || count === 1
          return tests > 0 && tests < count
        },
      ),
    )
  })

  it('is a fifth by default, and said', () =>
    inTemporaryFolder(async (folder) => {
      const file = join(folder, 't.csv')
      await writeFile(file, `a,y\n${Array.from({ length: 50 }, (_, k) => `${k},${k % 2}\n`).join('')}`)
      const task = ownTask(
        { type: 'table', columns: [{ name: 'a', type: 'number' }] },
        { type: 'class', column: 'y', classes: 2 },
      )
      const { train, test, notices } = await loadData({ source: file }, '', task)
      expect([train.count, test.count]).toEqual([40, 10])
      expect(notices).toEqual([`${file} has no test samples: 10 of its 50 are kept for tests`])
      expect(new Set([...inputArray(train), ...inputArray(test)]).size).toBe(50)
      expect((await loadData({ source: file, test: 0.4 }, '', task)).test.count).toBe(20)
    }))

  it('is not needed where a folder has both', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'train.csv'), 'a,y\n1,0\n')
      await writeFile(join(folder, 'test.csv'), 'y,a\n1,2\n')
      const task = ownTask(
        { type: 'table', columns: [{ name: 'a', type: 'number' }] },
        { type: 'class', column: 'y', classes: 2 },
      )
      const { train, test, notices } = await loadData({ source: folder }, '', task)
      expect([[...inputArray(train)], [...inputArray(test)]]).toEqual([[1], [2]])
      expect(notices).toBeUndefined()
    }))
})
