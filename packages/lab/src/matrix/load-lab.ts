import { dirname, resolve } from 'node:path'
import { loadKind } from '../documents/file-kind.js'
import { loadDocument } from '../documents/load-document.js'
import { prepareModules } from '../plugins/resolve-modules.js'
import { checkLab } from './lab-checks.js'
import { type Lab, labSchema } from './lab-schema.js'

/** Reads a lab file; a data folder and modules in it are relative to the file. Throws E_FILE or E_CONFIG. */
export async function loadLab(file: string): Promise<Lab> {
  const lab = await loadKind('lab', file, () =>
    loadDocument(file, labSchema, { check: checkLab, prepare: prepareModules(dirname(file)) }),
  )
  const { source } = lab.scenario.data
  if (source === 'mnist') return lab
  return {
    ...lab,
    scenario: { ...lab.scenario, data: { ...lab.scenario.data, source: resolve(dirname(file), source) } },
  }
}
