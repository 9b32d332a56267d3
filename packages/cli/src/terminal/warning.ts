import { errorMessage } from '@tempered/errors'

/** Prints a warning. */
export function warn(error: unknown): void {
  process.stderr.write(`${errorMessage(error)}\n`)
}
