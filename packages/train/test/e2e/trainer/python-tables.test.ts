import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pythonWith } from '../../../../../test-support/python.js'
import type { Dataset } from '../../../src/data/dataset.js'
import { loadData } from '../../../src/data/load-data.js'
import { resolveTask } from '../../../src/task/task.js'
import { type TaskFileInput, taskFileSchema } from '../../../src/task/task-schema.js'

const HELPER = fileURLToPath(new URL('../../../../../python/tempered_trainer', import.meta.url))
const python = pythonWith()

/** Writes the four parts of split_test as bits: float32 in hex, labels as they are. */
const READ = `
import json, struct, sys
sys.path.insert(0, sys.argv[1])
from tempered_trainer import read_table, split_test
file, task, label, share = json.loads(sys.argv[2])
try:
    inputs, targets, digest = read_table(file, task, label)
except ValueError as error:
    sys.exit(str(error))
def bits(rows):
    return [row if isinstance(row, int) else struct.pack("<%df" % len(row), *row).hex() for row in rows]
print(json.dumps([bits(part) for part in split_test(inputs, targets, share)]))
`

const COLUMNS = [
  { name: 'a', type: 'number', mean: 0.1, deviation: 0.3 },
  { name: 'b', type: 'number', mean: -1, deviation: 7, missing: { impute: 2.7 } },
  { name: 'c', type: 'number', missing: 'drop' },
  { name: 'colour', type: 'category', values: ['red', 'NA', 'blue'], other: 'zero' },
  { name: 'size', type: 'category', values: ['1', 'large "X"'], missing: { impute: '1' } },
] as const

const OUTPUTS = {
  names: { type: 'class', column: 'kind', classes: ['low', 'high', 'ä, ö'] },
  'numbers with names': { type: 'class', column: 'code', classes: ['3', '1', '2'] },
  'numbers for names': { type: 'class', column: 'digit', classes: ['zero', 'one', 'two'] },
  'numbers alone': { type: 'class', column: 'digit', classes: 3 },
  'several labels': { type: 'labels', columns: ['ill', 'old'] },
  'numbers to predict': {
    type: 'number',
    columns: [{ name: 'price', mean: 3.3, deviation: 0.7 }, { name: 'digit' }],
  },
} as const

const HEADER = 'kind;ill;a;"b"; colour ;c;size;old;price;code;digit;note'

/** A table with all that can be in one: quotes, blank lines, missing and unlisted values, spaces, exponents. */
function table(newline: string): string {
  const of = <T>(values: readonly T[], k: number): T => values[k % values.length] as T
  const rows = Array.from({ length: 60 }, (_, k) =>
    [
      of([' low', 'high ', '"ä, ö"', 'low'], k),
      of(['0', '1', 'yes', 'False', ' true'], k),
      of([`${k / 7}`, `-${k}e-3`, '.5', '+7.', '1e37', '1e-46', `0.${k}123456789012345678`], k),
      of(['', `${k}`, ' NA ', '?', 'nan', `${k * 1e9}`], k),
      of(['red', 'NA', 'green', ' blue\u00a0', '"red"', '   NA  '], k),
      of([`${k}`, '3', '2', '7', '1', '0', '4', '8', '9', 'null', '11'], k),
      of(['1', '"large ""X"""', '', ' none'], k),
      of(['no', '1.0', '0'], k),
      of(['2.5', `${k / 3}`], k),
      of(['1', '2.0', ' 3'], k),
      of(['0', '2', '1.0', '01'], k),
      of(['x', '"a;b"', `"two${newline}lines"`, ''], k),
    ].join(';'),
  )
  rows.splice(20, 0, '')
  return `\ufeff${HEADER}${newline}${rows.join(newline)}${newline}`
}

/** Every third line ends otherwise. */
function mixedEnds(text: string): string {
  let line = 0
  return text.replaceAll('\n', () => ['\n', '\r\n', '\r'][line++ % 3] as string)
}

function taskOf(output: unknown, columns: unknown = COLUMNS) {
  const { type } = output as { type: string }
  const file = { task: 't', input: { type: 'table', columns }, output, model: 'softmax' }
  return { type, open: resolveTask(taskFileSchema.parse(file as TaskFileInput)) }
}

/** Rows of numbers as READ writes them. */
function bits(numbers: ArrayLike<number>, count: number, labels: boolean): unknown[] {
  const width = numbers.length / count
  return Array.from({ length: count }, (_, k) => {
    const row = Array.from({ length: width }, (_, j) => numbers[k * width + j] as number)
    return labels ? row[0] : Buffer.from(Float32Array.from(row).buffer).toString('hex')
  })
}

function partBits({ count, inputs, targets }: Dataset, labels: boolean): unknown[][] {
  return [bits(inputs as Float32Array, count, false), bits(targets, count, labels)]
}

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tempered-tables-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function read(file: string, task: unknown, label?: string, share = 0.2) {
  return spawnSync(python!, ['-c', READ, HELPER, JSON.stringify([file, task, label ?? null, share])], {
    cwd: folder,
    encoding: 'utf8',
  })
}

describe.runIf(python)('read_table and split_test of tempered_trainer', () => {
  it.each(Object.entries(OUTPUTS))('have the rows of the node bit for bit: %s', async (_, output) => {
    const { open, type } = taskOf(output)
    for (const [name, newline, share] of [
      ['d.csv', '\n', 0.2],
      ['d.csv.gz', '\r\n', 0.35],
      ['d.csv', 'mixed', 0.2],
    ] as const) {
      const file = join(folder, name)
      const text = Buffer.from(newline === 'mixed' ? mixedEnds(table('\n')) : table(newline))
      await writeFile(file, name.endsWith('.gz') ? gzipSync(text) : text)
      const { train, test, notices = [] } = await loadData({ source: file, test: share }, '', open)
      expect(train.count + test.count).toBe(55)
      const [first, ...changes] = notices.filter((notice) => !notice.includes('not in the task:'))
      expect(first).toMatch(/5 rows of 60 left out: no value in column "c" \(5, first in line \d+\)$/)
      expect(changes).toHaveLength(3)
      const { stdout, stderr } = read(name, open.task, undefined, share)
      expect(stderr).toBe([first, ...changes].map((notice) => `${notice?.replace(file, name)}\n`).join(''))
      const labels = type === 'class'
      expect(JSON.parse(stdout)).toEqual([...partBits(train, labels), ...partBits(test, labels)])
    }
  })

  it.each([0, 1, 2, 3, 7])('hold out the same of %d rows', async (count) => {
    const rows = Array.from({ length: count }, (_, k) => `${k}\t${k % 2}\n`)
    await writeFile(join(folder, 'd.tsv'), `a\tlabel\n${rows.join('')}`)
    const { open } = taskOf({ type: 'class', classes: 2 }, [{ name: 'a', type: 'number' }])
    const { train, test } = await loadData({ source: join(folder, 'd.tsv') }, '', open)
    const parts = [...partBits(train, true), ...partBits(test, true)]
    expect(JSON.parse(read('d.tsv', open.task).stdout)).toEqual(parts)
  })

  const { open } = taskOf({ type: 'class', classes: ['low', 'high'], column: 'size' }, [
    { name: 'a', type: 'number' },
    { name: 'b', type: 'category', values: ['red', 'blue'] },
  ])

  it.each([
    ['a,b,size\n1,red,low\nx,red,high\n', /d\.csv:3: column "a" has "x", .*; write a number, or make/],
    ['a,b,size\n"1,5",red,low\n', /d\.csv:2: column "a" has "1,5", .*write decimals with a point/],
    [
      'a,b,size\n1,red,low\n\n?,red,low\n',
      /d\.csv:4: column "a" has "\?" here, which counts as no value; .*`missing: drop`/,
    ],
    ['a,b,size\n1,rad,low\n', /d\.csv:2: column "b" has "rad", .*did you mean "red"\?.*`other: zero`/],
    ['a,b,size\n1,red\n', /d\.csv:2: has 2 values, but the header names 3 columns; add those/],
    ['a,b,size\n1,red,low,x\n', /d\.csv:2: has 4 values, but the header names 3 columns; put values/],
    ['a,b,size\n-Infinity,red,low\n', /d\.csv:2: column "a" has "-Infinity", .*; write a finite number/],
    ['a,b,size\n1e999,red,low\n', /d\.csv:2: column "a" has "1e999", .*; write a finite number/],
    ['a,bb,size\n1,red,low\n', /d\.csv:1: has no column "b", which the task needs; did you mean "bb"\?/],
    ['a,b\n1,red\n', /d\.csv:1: has no column "size", which the task predicts.*it has a, b/],
    ['a,b,size,a\n1,red,low,2\n', /d\.csv:1: names the column "a" twice/],
    ['a,b,size\n1,red,huge\n', /d\.csv:2: column "size" has "huge", which is not a class/],
    ['a,b,size\n1,red,\n', /d\.csv:2: column "size" has no value here; remove the row/],
    ['a,b,size\n1,red,low\n1,"red,low\n', /d\.csv:3: a quote is opened and never closed/],
    ['a,b,size\n1,r"ed,low\n', /d\.csv:2: a quote in the middle of a value/],
    ['a,b,size\n1,"r"ed,low\n', /d\.csv:2: text follows a closing quote/],
    ['', /d\.csv:1: is empty/],
  ])('refuse %j as the node does', async (text, message) => {
    await writeFile(join(folder, 'd.csv'), text)
    const { status, stderr } = read('d.csv', open.task)
    expect(status).not.toBe(0)
    expect(stderr).toMatch(message)
    const place = /^d\.csv:\d+/.exec(stderr)?.[0]
    await expect(loadData({ source: join(folder, 'd.csv') }, '', open)).rejects.toThrow(place)
  })

  it('say what they do not read', async () => {
    expect(read('.', open.task).stderr).toMatch(/is a folder; name a \.csv or \.tsv file in it/)
    expect(read('d.parquet', open.task).stderr).toMatch(/reads \.csv and \.tsv/)
    expect(read('none.csv', open.task).stderr).toMatch(/none\.csv: does not exist; check the path/)
    await writeFile(join(folder, 'd.csv'), Buffer.from('a,b,size\n1,r\xe9d,low\n', 'latin1'))
    expect(read('d.csv', open.task).stderr).toMatch(/d\.csv at byte 12: is not UTF-8/)
    await writeFile(join(folder, 'd.csv'), Buffer.from('\ufeffa,b', 'utf16le'))
    expect(read('d.csv', open.task).stderr).toMatch(/d\.csv at byte 0: is UTF-16/)
    await writeFile(join(folder, 'd.csv.gz'), 'a,b,size\n')
    expect(read('d.csv.gz', open.task).stderr).toMatch(/at byte 0: is not compressed, although its name/)
    await writeFile(join(folder, 'd.csv.gz'), gzipSync(table('\n')).subarray(0, 300))
    expect(read('d.csv.gz', open.task).stderr).toMatch(/the compressed data ends too early/)
    expect(spawnSync('mkfifo', [join(folder, 'pipe.csv')]).status).toBe(0)
    expect(read('pipe.csv', open.task).stderr).toMatch(/is a pipe or a device, not a file/)
    await writeFile(join(folder, 'd.csv'), table('\n'))
    expect(read('d.csv', taskOf(OUTPUTS['several labels']).open.task, 'ill').stderr).toMatch(
      /output `labels`, whose columns it names; leave out/,
    )
  })
})
