#!/usr/bin/env node
import { CommanderError } from 'commander'
import { EXIT, exitCodeOf } from './exit-codes.js'
import { createProgram } from './program.js'
import { renderError } from './terminal/error-text.js'

const program = createProgram()

// The reader of our output may stop early (`| head`).
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? EXIT.ok)
    throw error
  })
}

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
