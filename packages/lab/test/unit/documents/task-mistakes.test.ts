import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openTaskFile } from '../../../src/documents/task-file.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

/** What the file is refused with, without its path. */
async function mistake(text: string): Promise<string> {
  return inTemporaryFolder(async (folder) => {
    const file = join(folder, 'task.yaml')
    await writeFile(file, text)
    const error = (await openTaskFile(file).catch((cause) => cause)) as Error & { code: string }
    expect(error.code).toBe('E_CONFIG')
    return error.message.replaceAll(file, 'task.yaml')
  })
}

const task = (column: string, layers: readonly string[]) => `task: x
input:
  type: table
  columns:
    - { name: a, ${column} }
output: { type: class, column: y, classes: 2 }
model:
  layers:
${layers.map((layer) => `    - { ${layer} }`).join('\n')}
`
const DENSE = 'layer: dense, units: 2'

describe('mistakes in tasks', () => {
  it.each([
    ['number', '<number>'],
    ['category, values: [u]', '<text>'],
  ])('`impute` alone is answered with its form: %s', async (type, form) => {
    expect(await mistake(task(`type: ${type}, missing: impute`, [DENSE]))).toContain(
      `input.columns.0.missing: must be refuse or drop, not "impute"; or write { impute: ${form} }`,
    )
  })

  it.each([
    ['dense', 'layer: dense, unit: 2, units: 2', 'unit', 'units'],
    ['lstm', 'layer: lstm, units: 2, outputs: all', 'outputs', 'output'],
  ])('an unknown key of a layer has the nearest one: %s', async (_, layer, key, near) => {
    expect(await mistake(task('type: number', [DENSE, layer]))).toContain(
      `unknown key "model.layers.1.${key}"; did you mean "${near}"?`,
    )
  })

  it('an unknown key of a layer in a residual one has the nearest', async () => {
    const layer = 'layer: residual, layers: [{ layer: dense, units: 1, activaton: relu }]'
    expect(await mistake(task('type: number', [layer, DENSE]))).toContain(
      'unknown key "model.layers.0.layers.0.activaton"; did you mean "activation"?',
    )
  })

  it('a layer that does not fit is named once', async () => {
    expect(await mistake(task('type: number', [DENSE, 'layer: lstm, units: 2']))).toBe(
      'task.yaml:10:7: model.layers.1: lstm: needs an input [steps, channels], got [2]',
    )
  })

  it('an empty file is said to be empty', async () => {
    expect(await mistake('# later\n')).toBe(
      'task.yaml: is empty; it needs at least task, input, output, model',
    )
  })
})
