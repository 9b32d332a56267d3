import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder } from '../../../../../lab/test/support/temporary-folder.js'
import { inputArray } from '../../../../src/data/dataset.js'
import { encodeRows } from '../../../../src/data/encode/encode-rows.js'
import { createSampleSpace } from '../../../../src/data/encode/sample-space.js'
import type { RowSource } from '../../../../src/data/formats/raw.js'
import { loadData } from '../../../../src/data/load-data.js'
import type { OpenTask } from '../../../../src/task/task.js'
import { ownTask } from '../../../support/own-task.js'

/** Rows of a file, all of them for training. */
async function load(text: string, task: OpenTask, name = 't.csv') {
  return inTemporaryFolder(async (folder) => {
    await writeFile(join(folder, name), text)
    await writeFile(join(folder, `test-${name}`), text)
    return loadData({ source: join(folder, name), test: join(folder, `test-${name}`) }, '', task)
  })
}

const yesNo = { type: 'class' as const, column: 'y', classes: ['no', 'yes'] }

describe('tables', () => {
  it('become inputs in the order of the task, whatever that of the file', async () => {
    const task = ownTask(
      {
        type: 'table',
        columns: [
          { name: 'kind', type: 'category', values: ['b', 'a'], other: 'zero' },
          { name: 'n', type: 'number', mean: 10, deviation: 4 },
        ],
      },
      yesNo,
    )
    const { train, notices } = await load('more,y,n,kind\n1,yes,12, a\n2,no,8,b\n3,no,10,c\n', task)
    expect([...inputArray(train)]).toEqual([0, 1, 0.5, 1, 0, -0.5, 0, 0, 0])
    expect([...train.targets]).toEqual([1, 0, 0])
    expect(train).toMatchObject({ count: 3, shape: [3], classes: 2, classNames: ['no', 'yes'] })
    expect(notices?.[0]).toMatch(/1 column not in the task: more$/)
    expect(notices?.[1]).toMatch(
      /1 value of 3 in column "kind" is not listed in the task and became zeros, for example "c", in line 4$/,
    )
  })

  it('drop or fill in what is missing, as the task says', async () => {
    const task = ownTask(
      {
        type: 'table',
        columns: [
          { name: 'a', type: 'number', missing: 'drop' },
          { name: 'b', type: 'number', missing: { impute: 7 } },
          { name: 'c', type: 'category', values: ['x', '?'], missing: { impute: 'x' } },
        ],
      },
      yesNo,
    )
    const { train, notices } = await load('a,b,c,y\n1,,,no\nNA,1,x,no\n2,3,?,yes\n?,1,x,no\n', task)
    expect([...inputArray(train)]).toEqual([1, 7, 1, 0, 2, 3, 0, 1])
    expect(notices?.[0]).toMatch(/2 rows of 4 left out: no value in column "a" \(2, first in line \d\)/)
    expect(notices?.[1]).toMatch(
      /t\.csv: 1 value of 2 in column "b" is missing and became 7, first in line 2$/,
    )
    expect(notices?.[2]).toMatch(/column "c" is missing and became "x", first in line 2$/)
    expect(notices).toHaveLength(6)
  })

  it('say how many values were filled in, of rows that are kept, with an example', async () => {
    const task = ownTask(
      {
        type: 'table',
        columns: [
          { name: 'a', type: 'number', missing: { impute: 1.5 } },
          { name: 'b', type: 'number', missing: 'drop' },
        ],
      },
      yesNo,
    )
    const { notices } = await load('a,b,y\n,,no\nNA,1,no\n?,1,yes\n2,1,no\n', task)
    expect(notices?.slice(0, 2)).toEqual([
      expect.stringMatching(/1 row of 4 left out/),
      expect.stringMatching(
        /2 values of 3 in column "a" are missing and became 1\.5, for example "NA", in line 3$/,
      ),
    ])
  })

  it('predict numbers and several labels', async () => {
    const input = { type: 'table', columns: [{ name: 'a', type: 'number' }] } as const
    const numbers = ownTask(
      { ...input, columns: [...input.columns] },
      { type: 'number', columns: [{ name: 'p', mean: 1, deviation: 2 }, { name: 'q' }] },
    )
    expect([...(await load('a,q,p\n0,5,3\n', numbers)).train.targets]).toEqual([1, 5])
    const labels = ownTask({ ...input, columns: [...input.columns] }, { type: 'labels', columns: ['p', 'q'] })
    const { train } = await load('a,q,p\n0,1,0\n0,false,True\n', labels)
    expect([...train.targets]).toEqual([0, 1, 1, 0])
    expect(train.classes).toBe(0)
  })

  it.each([
    ['numbers as names', ['1', '2', '3'], '1\n3.0\n', [0, 2]],
    ['numbers of named classes', ['a', 'b', 'c'], '2\nb\n', [2, 1]],
    ['numbers of counted classes', 3, '2\n0\n', [2, 0]],
  ] as const)('read classes: %s', async (_, classes, column, expected) => {
    const task = ownTask(
      { type: 'table', columns: [{ name: 'a', type: 'number' }] },
      { type: 'class', column: 'y', classes: typeof classes === 'number' ? classes : [...classes] },
    )
    const rows = column.split('\n').filter(Boolean)
    const { train } = await load(`a,y\n${rows.map((y) => `1,${y}\n`).join('')}`, task)
    expect([...train.targets]).toEqual(expected)
  })

  it('have int32 labels from 257 classes on', async () => {
    const task = (classes: number) =>
      ownTask(
        { type: 'table', columns: [{ name: 'a', type: 'number' }] },
        { type: 'class', column: 'y', classes },
      )
    expect((await load('a,y\n1,256\n', task(257))).train.targets).toEqual(Int32Array.of(256))
    expect((await load('a,y\n1,255\n', task(256))).train.targets).toEqual(Uint8Array.of(255))
  })

  it('may have no rows: the node then only relays', async () => {
    const task = ownTask({ type: 'table', columns: [{ name: 'a', type: 'number' }] }, yesNo)
    const { train, notices } = await load('a,y\n', task)
    expect(train).toMatchObject({ count: 0, shape: [1], classes: 2 })
    expect(notices?.[0]).toMatch(/no rows/)
  })

  it('are in memory that threads share', async () => {
    const task = ownTask({ type: 'table', columns: [{ name: 'a', type: 'number' }] }, yesNo)
    const { train } = await load('a,y\n1,no\n', task)
    expect(inputArray(train).buffer).toBeInstanceOf(SharedArrayBuffer)
    expect(train.targets.buffer).toBeInstanceOf(SharedArrayBuffer)
  })

  it('stop when their targets exceed the memory, before all is read', async () => {
    let given = 0
    const endless: RowSource = {
      kind: 'rows',
      format: 'csv',
      file: 'endless.csv',
      columns: ['a', 'y'],
      async *rows() {
        for (;;) {
          given += 1000
          yield Array.from({ length: 1000 }, () => ({ line: 2, cells: ['1', 'no'] }))
        }
      },
    }
    const task = ownTask({ type: 'table', columns: [{ name: 'a', type: 'number' }] }, yesNo)
    await inTemporaryFolder(async (folder) => {
      const space = createSampleSpace(100_000, folder)
      await expect(encodeRows(endless, task, [], space)).rejects.toMatchObject({
        code: 'E_DATA_TOO_LARGE',
        message: expect.stringContaining('tempered data split'),
      })
      await space.file?.abandon()
      expect(await readdir(folder)).toEqual([])
    })
    expect(given).toBeLessThan(200_000)
  })
})

describe('texts', () => {
  it('become bytes, cut and filled up', async () => {
    const task = ownTask({ type: 'text', length: 3, unit: 'byte' }, { type: 'class', classes: ['x', 'y'] })
    const { train } = await load('{"text":"ab","label":"y"}\n{"text":"äbc","label":"x"}\n', task, 't.jsonl')
    expect([...inputArray(train)]).toEqual([98, 99, 0, 0xc3 + 1, 0xa4 + 1, 99])
    expect([...train.targets]).toEqual([1, 0])
  })

  it('become words of the vocabulary, 1 for others', async () => {
    const task = ownTask(
      { type: 'text', length: 6, unit: 'word', vocabulary: ['the', 'cat', '!'], column: 't' },
      { type: 'class', column: 'y', classes: 2 },
    )
    const { train } = await load('t,y\n"The cat, the DOG2!",1\n', task)
    expect([...inputArray(train)]).toEqual([2, 3, 1, 2, 1, 4])
  })

  it('become characters', async () => {
    const task = ownTask(
      { type: 'text', length: 3, unit: 'character', vocabulary: ['😀', 'a'] },
      { type: 'class', classes: 2 },
    )
    const { train } = await load('{"text":"a😀b","label":0}\n', task, 't.jsonl')
    expect([...inputArray(train)]).toEqual([3, 2, 1])
  })

  it('become windows that overlap by one token, for next-token', async () => {
    const task = ownTask({ type: 'text', length: 2, unit: 'byte' }, { type: 'next-token' })
    const { train, notices } = await load('{"text":"abcd"}\n{"text":"z"}\n{"text":"ab"}\n', task, 't.jsonl')
    const [a, b, c, d] = [98, 99, 100, 101]
    expect([...inputArray(train)]).toEqual([a, b, c, c, d, 0, a, b, 0])
    expect(train).toMatchObject({ count: 3, shape: [3], classes: 0 })
    expect(notices?.[0]).toMatch(/1 row of 3 left out: fewer than two tokens \(1, first in line \d\)/)
  })
})
