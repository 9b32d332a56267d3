export { kindOfText, loadKind } from './file-kind.js'
export { readInitial } from './initial.js'
export { type LedgerModel, readLedgerModel } from './ledger-model.js'
export { documentError, documentPlace, loadDocument, parseText } from './load-document.js'
export type { Problem } from './problem.js'
export {
  backendSchema,
  deadlinesSchema,
  evaluationSchema,
  memorySchema,
  namedWithParams,
  sourceSchema,
  testSchema,
  wholeSplitSchema,
} from './shared-schema.js'
export { loadTask, openTaskFile, openTaskText } from './task-file.js'
export { isModuleFile } from './task-module.js'
export { trainerSchema } from './trainer-schema.js'
export {
  checkRound,
  entryOfRound,
  noSuchRound,
  openValidLedger,
  placeOf,
  skippedText,
  type ValidLedger,
  verdictsOf,
} from './valid-ledger.js'
