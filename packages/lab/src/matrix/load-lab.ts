import { dirname } from 'node:path'
import { loadKind } from '../documents/file-kind.js'
import { loadDocument } from '../documents/load-document.js'
import { resolveDataKeys } from '../documents/task-file.js'
import { prepareModules } from '../plugins/resolve-modules.js'
import { checkLab } from './lab-checks.js'
import { type Lab, labSchema } from './lab-schema.js'

/** Reads a lab file; a data folder and modules in it are relative to the file. Throws E_FILE or E_CONFIG. */
export async function loadLab(file: string): Promise<Lab> {
  const lab = await loadKind('lab', file, () =>
    loadDocument(file, labSchema, { check: checkLab, prepare: prepareModules(dirname(file)) }),
  )
  return { ...lab, scenario: await resolveDataKeys(file, lab.scenario) }
}
