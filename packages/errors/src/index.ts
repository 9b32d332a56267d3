/**
 * Error base class, error codes, name hints and counted nouns, shared by all packages.
 *
 * @packageDocumentation
 */
export { counted } from './counted.js'
export { nearestName } from './nearest-name.js'
export { foreignText, quoted, shortText, withShortQuotes } from './short-text.js'
export { isFileError } from './system-error.js'
export { errorCode, errorMessage, printable, printableLine, TemperedError } from './tempered-error.js'
