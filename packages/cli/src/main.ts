#!/usr/bin/env node
import { CommanderError } from 'commander'
import { EXIT, exitCodeOf } from './exit-codes.js'
import { handleLostOutput } from './lost-output.js'
import { createProgram } from './program.js'
import { renderError } from './terminal/error-text.js'

const program = createProgram()

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
