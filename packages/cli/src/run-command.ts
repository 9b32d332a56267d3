import { CommanderError } from 'commander'
import { EXIT, exitCodeOf } from './exit-codes.js'
import { handleLostOutput } from './lost-output.js'
import { createProgram } from './program.js'
import { renderError } from './terminal/error-text.js'
import { writeWhole } from './whole-writes.js'

/** Reads the arguments of this process and runs their command; sets the exit code. */
export async function runCommand(): Promise<void> {
  const program = createProgram()
  writeWhole()
  handleLostOutput()
  try {
    await program.parseAsync()
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
    } else {
      process.stderr.write(`${renderError(error, program.opts().debug === true)}\n`)
      process.exitCode = exitCodeOf(error)
    }
  }
}
