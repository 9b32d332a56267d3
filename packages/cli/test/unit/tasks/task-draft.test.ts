import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspectSource } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder } from '../../../../lab/test/support/temporary-folder.js'
import { draftTask, type TaskDraft } from '../../../src/tasks/task-draft.js'

async function draft(name: string, content: string, target?: string): Promise<TaskDraft> {
  return inTemporaryFolder(async (folder) => {
    const file = join(folder, name)
    await writeFile(file, content)
    return draftTask(await inspectSource(file, ''), { target, own: false })
  })
}

const lines = (of: (k: number) => string): string =>
  Array.from({ length: 30 }, (_, k) => `${of(k)}\n`).join('')
const patients = `patient_id,lactate,died\n${lines((k) => `P-${k}-${k * 7},${k / 3},${k % 2}`)}`
const sentence = (k: number) => `What a long and winding sentence number ${k} is, by all means.`

describe('a task for a table', () => {
  it('asks for the target where no name says it, with the columns', async () => {
    await expect(draft('north.csv', patients)).rejects.toThrow(
      /^say with --target which column is predicted; .*north\.csv has patient_id, lactate, died$/,
    )
  })

  it('asks as well for JSON lines with a text beside other columns', async () => {
    const text = lines((k) => JSON.stringify({ patient_id: `P-${k}-${k}`, age: k }))
    await expect(draft('north.jsonl', text)).rejects.toThrow('say with --target')
  })

  it('leaves texts out where the target is given', async () => {
    expect((await draft('north.csv', patients, 'died')).kind).toBe('class')
  })

  it('says of texts with decimal commas how numbers are written', async () => {
    const text = `temperature;season;died\n${lines((k) => `"${k},5";${k % 3};${k % 2}`)}`.replaceAll(
      ';',
      '\t',
    )
    const { notes } = await draft('north.tsv', text, 'died')
    expect(notes).toContain(
      'column "temperature" is left out: it holds texts; if they are numbers, write decimals with a point',
    )
  })

  it('refuses a table without rows', async () => {
    await expect(draft('north.csv', 'a,b,died\n', 'died')).rejects.toMatchObject({
      code: 'E_DATA_EMPTY',
      message: expect.stringContaining('has no rows'),
    })
  })

  it('names the nearest column to a wrong target', async () => {
    await expect(draft('north.csv', patients, 'lactat')).rejects.toThrow(
      /no such column; did you mean "lactate"\? it has patient_id, lactate, died$/,
    )
  })

  it.each([
    ['of one column', 'notes.csv', `note\n${lines((k) => `"${sentence(k)}"`)}`],
    ['of JSON lines with one key', 'notes.jsonl', lines((k) => JSON.stringify({ note: sentence(k) }))],
    ['of texts with numbers', 'notes.jsonl', lines((k) => JSON.stringify({ id: k, text: sentence(k) }))],
  ])('is one for the next token where it is text: %s', async (_, name, content) => {
    expect((await draft(name, content)).kind).toBe('next-token')
  })
})
