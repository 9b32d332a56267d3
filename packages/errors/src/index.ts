/**
 * Error base class, error codes and name hints, shared by all packages.
 *
 * @packageDocumentation
 */
export { nearestName } from './nearest-name.js'
export { errorCode, errorMessage, TemperedError } from './tempered-error.js'
