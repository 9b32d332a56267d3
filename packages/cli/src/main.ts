#!/usr/bin/env node
import { openFilesError, openFilesLimit } from './open-files.js'

// Before any other module is read.
const tooFew = openFilesError(openFilesLimit())
if (tooFew === undefined) {
  const { runCommand } = await import('./run-command.js')
  await runCommand()
} else {
  process.stderr.write(`${tooFew}\n`)
  // `EXIT.resource` of exit-codes.ts, which is not loaded.
  process.exitCode = 7
}
