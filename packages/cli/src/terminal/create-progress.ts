import { createLiveTable } from './live-table.js'
import type { Progress } from './progress.js'
import { createRoundLines } from './round-lines.js'

/** A live table when both streams are a terminal, otherwise one line per round. */
export function createProgress(stream: NodeJS.WriteStream, output: NodeJS.WriteStream): Progress {
  return stream.isTTY && output.isTTY ? createLiveTable(stream) : createRoundLines(stream)
}
