import { EXIT, exitCodeOf } from './exit-codes.js'
import { hasBegun } from './interrupt.js'
import { renderError } from './terminal/error-text.js'

/** Errors of a stream that nobody reads any more: a closed pipe (`| head`), a closed terminal. */
const NOBODY_READS: ReadonlySet<string | undefined> = new Set(['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED'])

/**
 * What happens when stdout or stderr cannot be written. A node or an experiment goes on: its results are in files and
 * with its neighbours. Any other command has nothing left to do and ends, quietly when nobody reads its output.
 */
export function handleLostOutput(): void {
  let warned = false
  for (const [name, stream] of [
    ['stdout', process.stdout],
    ['stderr', process.stderr],
  ] as const) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      const isQuiet = NOBODY_READS.has(error.code)
      if (!hasBegun()) {
        if (isQuiet) process.exit(EXIT.pipeClosed)
        if (name === 'stdout') process.stderr.write(`${renderError(error, false)}\n`)
        process.exit(exitCodeOf(error))
      }
      if (isQuiet || warned || name === 'stderr') return
      warned = true
      process.stderr.write(`stdout: ${error.message}; the run goes on, its output is lost\n`)
    })
  }
}
