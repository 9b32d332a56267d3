import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { syntaxErrorPlace } from '../../../src/documents/import-module.js'
import { readInitial } from '../../../src/documents/initial.js'
import { openTaskFile } from '../../../src/documents/task-file.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const FIELDS = `task: 'own', input: { type: 'tensor', shape: [4] }, output: { type: 'class', classes: 3 }`
const DENSE = `model: { layers: [{ layer: 'dense', units: 3 }] }`

/** Writes a module into a folder and opens its task. */
async function open(folder: string, text: string) {
  const file = join(folder, 'my-task.mjs')
  await writeFile(file, text)
  return openTaskFile(file)
}

describe('a task from an ES module', () => {
  it('may compute its layers, with a type from defineTask, and import other files', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'widths.mjs'), 'export const widths = [5, 4]\n')
      // Users import '@tempered/train'; a folder of a test has no packages.
      const train = pathToFileURL(join(import.meta.dirname, '../../../../train/dist/index.js')).href
      const { open: task, initial } = await open(
        folder,
        `import { defineTask } from '${train}'
         import { widths } from './widths.mjs'
         export default defineTask({ ${FIELDS}, model: { layers: [...widths, 3].map((units) => ({ layer: 'dense', units })) } })`,
      )
      expect(initial).toBeUndefined()
      expect(task.task.layout.map(({ shape }) => shape)).toEqual([[5, 4], [5], [4, 5], [4], [3, 4], [3]])
      expect(JSON.parse(JSON.stringify(task.task))).toEqual(task.task)
    }))

  it('may give the parameters to begin with, as numbers or by a function of the task', () =>
    inTemporaryFolder(async (folder) => {
      for (const initial of [
        'new Float32Array(15).fill(0.5)',
        'async ({ parameterCount }) => new Float32Array(parameterCount).fill(0.5)',
      ]) {
        const read = await open(folder, `export default { ${FIELDS}, ${DENSE}, initial: ${initial} }`)
        expect(read.initial).toBe(join(folder, 'my-task.mjs'))
        expect(await readInitial(read.initial!, read.open)).toEqual(new Float32Array(15).fill(0.5))
      }
    }))

  it('may list tensors and give their first values', () =>
    inTemporaryFolder(async (folder) => {
      const model = `model: { tensors: [{ name: 'w', shape: [2, 2] }] }`
      const read = await open(
        folder,
        `export default { ${FIELDS}, ${model}, initial: Float32Array.of(1, 2, 3, 4) }`,
      )
      expect(await readInitial(read.initial!, read.open)).toEqual(Float32Array.of(1, 2, 3, 4))
    }))

  it('is read again when its file has changed', () =>
    inTemporaryFolder(async (folder) => {
      for (const units of [2, 3]) {
        const text = `export default { ${FIELDS.replace('3', String(units))}, model: { layers: [{ layer: 'dense', units: ${units} }] } }`
        expect((await open(folder, text)).open.outputs).toBe(units)
      }
    }))

  it.each<[string, string, RegExp]>([
    ['wrong syntax', 'export default {', /cannot be imported: .*Error/],
    [
      'code that throws',
      `\nthrow new TypeError('no widths')\nexport default {}`,
      /cannot be imported: TypeError: no widths/,
    ],
    ['a missing import', `import './gone.mjs'\nexport default {}`, /cannot be imported: .*gone.mjs/],
    ['no default export', 'export const task = {}', /has no default export; write export default defineTask/],
    ['a function', 'export default () => ({})', /exports a function; write/],
    ['a list', 'export default []', /exports a list/],
    ['a plug-in', `export default { kind: 'rule', name: 'mine' }`, /unknown keys? kind.*given with --module/],
    [
      'an unknown key',
      `export default { ${FIELDS}, ${DENSE}, metric: ['loss'] }`,
      /unknown key metric; did you mean "metrics"/,
    ],
    ['a missing key', `export default { ${FIELDS} }`, /model: /],
    [
      'a wrong value',
      `export default { ${FIELDS}, model: { layers: [{ layer: 'dense', units: 0 }] } }`,
      /model.layers.0.units: must be at least 1, not 0/,
    ],
    [
      'layers that do not fit',
      `export default { ${FIELDS}, model: { layers: [{ layer: 'dense', units: 2 }] } }`,
      /ends with \[2\], but the task needs \[3\]/,
    ],
    [
      'a model.json that is not there',
      `export default { ${FIELDS}, model: { layersModel: 'net/model.json' } }`,
      /net.model.json: there is no such file/,
    ],
    [
      'initial parameters that are a list',
      `export default { ${FIELDS}, ${DENSE}, initial: [1, 2] }`,
      /`initial` must be a Float32Array .*not a list/,
    ],
  ])('%s is refused with the file', (_, text, message) =>
    inTemporaryFolder(async (folder) => {
      const refused = await open(folder, text).catch((error) => error)
      expect(refused).toMatchObject({ code: 'E_MODULE', message: expect.stringMatching(message) })
      expect(refused.message.startsWith(`${join(folder, 'my-task.mjs')}: `)).toBe(true)
    }),
  )

  it('that cannot be parsed has the line, also of a module that it imports', () =>
    inTemporaryFolder(async (folder) => {
      const file = join(folder, 'my-task.mjs')
      await writeFile(file, `import './widths.mjs'\nexport default {\n  task: = 3\n}\n`)
      await writeFile(join(folder, 'widths.mjs'), 'export const widths = []\n')
      expect(await syntaxErrorPlace(file)).toBe('line 3')
      await writeFile(file, `import './widths.mjs'\nexport default {}\n`)
      expect(await syntaxErrorPlace(file)).toBeUndefined()
      await writeFile(join(folder, 'widths.mjs'), '\nexport const = []\n')
      expect(await syntaxErrorPlace(file)).toBe('line 2 of widths.mjs')
    }))

  it.each<[string, string, RegExp]>([
    ['too few', 'new Float32Array(3)', /has 3 parameters, but the model has 15/],
    ['NaN', 'new Float32Array(15).fill(NaN, 4)', /holds NaN at element 4/],
    ['a list', '() => [1, 2]', /returned a list; return a Float32Array/],
    ['an error', `() => { throw new Error('no file') }`, /`initial` threw Error: no file/],
  ])('%s of initial parameters is refused', (_, initial, message) =>
    inTemporaryFolder(async (folder) => {
      const read = await open(folder, `export default { ${FIELDS}, ${DENSE}, initial: ${initial} }`)
      await expect(readInitial(read.initial!, read.open)).rejects.toMatchObject({
        code: 'E_MODULE',
        message: expect.stringMatching(message),
      })
    }),
  )

  it('a file and a folder that are not there', () =>
    inTemporaryFolder(async (folder) => {
      await expect(openTaskFile(join(folder, 'gone.mjs'))).rejects.toMatchObject({ code: 'E_MODULE' })
      await mkdir(join(folder, 'empty'))
      const { open: task } = await open(folder, `export default { ${FIELDS}, ${DENSE} }`)
      await expect(readInitial(join(folder, 'empty'), task)).rejects.toMatchObject({
        code: 'E_FILE',
        message: expect.stringMatching(/neither a model of `model export` nor the ledger/),
      })
      await expect(readInitial(join(folder, 'gone'), task)).rejects.toMatchObject({ code: 'E_FILE' })
    }))
})
