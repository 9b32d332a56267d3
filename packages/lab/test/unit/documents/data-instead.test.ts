import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { manifestSchema } from '@tempered/protocol'
import { taskFileSchema } from '@tempered/train'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { nodeConfigSchema } from '../../../../cli/src/config/node-config.js'
import { loadDocument, parseText } from '../../../src/documents/load-document.js'
import { openTaskFile } from '../../../src/documents/task-file.js'
import { labSchema } from '../../../src/matrix/lab-schema.js'
import { scenarioSchema } from '../../../src/scenario/schema.js'

const SECRET = 'Zephyrine'
const ROWS = Array.from({ length: 200 }, (_, k) => `p${k},${SECRET} ${k},${k / 7}`).join('\n')
const CSV = `patient_id,name,lactate\n${ROWS}\n`

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tempered-documents-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function refusal(name: string, content: string | Uint8Array, schema: z.ZodType): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, content)
  const error = (await loadDocument(file, schema).catch((cause) => cause)) as Error & { code: string }
  expect(error.code).toBe('E_CONFIG')
  return error.message.replace(file, name)
}

describe('data where a document belongs', () => {
  it.each([
    ['task', taskFileSchema],
    ['node', nodeConfigSchema],
    ['scenario', scenarioSchema],
    ['lab', labSchema],
    ['manifest', manifestSchema],
  ] as const)('is named in place of a %s, and no value of it is shown', async (_, schema) => {
    const message = await refusal('north.csv', CSV, schema)
    expect(message).toBe(
      'north.csv: this is a CSV file: data, where a YAML or JSON document belongs; ' +
        'a command names its data with --data, a scenario or node.yaml under data.source',
    )
  })

  it.each([
    ['north.txt', CSV, 'a table (CSV)'],
    ['north.yaml', CSV.replaceAll(',', ';'), 'a table (CSV)'],
    ['colons.csv', `id,note\n1,dose: 5\n2,"${SECRET}: 6"\n`, 'a CSV file'],
    [
      'north.data',
      `{"id": 1, "name": "${SECRET}"}\n{"id": 2, "name": "${SECRET}"}\n`,
      'a file of JSON lines',
    ],
    ['north.yml', Uint8Array.from([0x50, 0x41, 0x52, 0x31, 0, 1, 2]), 'a Parquet file'],
    ['north.yml', Uint8Array.from([0x1f, 0x8b, 8, 0, 1, 2]), 'a gzip file'],
    ['north.xlsx', Uint8Array.from([0x50, 0x4b, 3, 4, 0, 1]), 'a spreadsheet'],
  ])('is recognised by name or content: %s', async (name, content, kind) => {
    const message = await refusal(name, content, taskFileSchema)
    expect(message).toContain(`this is ${kind}: data`)
    expect(message).not.toContain(SECRET)
  })

  it('is named by the command that reads a task', async () => {
    const file = join(folder, 'task.csv')
    await writeFile(file, CSV)
    await expect(openTaskFile(file)).rejects.toThrow('this is a CSV file')
  })

  it('leaves documents of any name alone', async () => {
    const file = join(folder, 'scenario.csv')
    await writeFile(file, 'nodes: 4\n')
    await expect(loadDocument(file, scenarioSchema)).resolves.toMatchObject({ nodes: 4 })
  })
})

describe('values in messages', () => {
  const long = `${SECRET} `.repeat(50).trim()
  it.each([
    ['the document itself', long],
    ['a value of a wrong type', `nodes: ${long}`],
    ['a value that is none of several', `model: ${long}`],
    ['a key', `${long}: 1`],
    ['an amount of memory', `data: { memory: ${long} }`],
    ['an alias', `name: *${long.replaceAll(' ', '')}`],
    ['a document after the end of one', `name: x\n...\n"${long}" y\n`],
    ['a block scalar header', `name: | ${long}`],
    ['a tag', `name: !${long.replaceAll(' ', '')} [1]`],
  ])('are cut: %s', (_, text) => {
    let message = ''
    try {
      parseText('f', text, scenarioSchema)
    } catch (error) {
      message = (error as Error).message
    }
    expect(message).not.toBe('')
    expect(message.split(SECRET).length - 1).toBeLessThan(20)
    for (const [quote] of message.matchAll(/"[^"]*"/g)) expect(quote.length).toBeLessThan(70)
  })

  it('are few, however many there are', () => {
    const text = Array.from({ length: 500 }, (_, k) => `key${k}: ${k}`).join('\n')
    expect(() => parseText('f', text, scenarioSchema)).toThrow(/key49"[^\n]*\nf: and 450 more$/)
  })
})

describe('the encoding of documents', () => {
  it('must be UTF-8, with the line and byte of what is not', async () => {
    const bytes = Buffer.from('name: x\n# Stra\xdfe\nnodes: 4\n', 'latin1')
    expect(await refusal('latin1.yaml', bytes, scenarioSchema)).toBe(
      'latin1.yaml:2:7: is not UTF-8 here (byte 14); save it as UTF-8 (for example: iconv -f latin1 -t utf-8)',
    )
  })

  it('may be neither UTF-16 nor binary', async () => {
    const wide = Buffer.from('\ufeffname: x\n', 'utf16le')
    expect(await refusal('wide.yaml', wide, scenarioSchema)).toBe(
      'wide.yaml: is UTF-16, not UTF-8; save it as UTF-8',
    )
    expect(await refusal('zero.yaml', Buffer.from('name: x\0'), scenarioSchema)).toContain(
      'zero byte (byte 7)',
    )
  })

  it('is not awaited from a pipe', async () => {
    const pipe = join(folder, 'pipe.yaml')
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
    await expect(loadDocument(pipe, scenarioSchema)).rejects.toMatchObject({
      code: 'E_FILE',
      message: `${pipe}: this is a pipe; name a file`,
    })
  })
})
