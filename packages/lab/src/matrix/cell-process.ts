import { errorCode, errorMessage } from '@tempered/node'
import { cacheFolder } from '@tempered/train'
import type { CellReply, CellRequest } from './cell-messages.js'
import { createCellRunner } from './cell-run.js'

/** A process that runs cells of a matrix, one at a time. It lives as long as its launcher. */

// The launcher decides when to stop; Ctrl-C, a closed terminal and a stopped service reach every process of the group.
for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) process.on(signal, () => undefined)
process.on('disconnect', () => process.exit(0))

const runner = createCellRunner(cacheFolder())
const reply = (message: CellReply): void => {
  if (process.connected) process.send?.(message)
}

process.on('message', ({ id, scenario }: CellRequest) => {
  const begun = performance.now()
  runner.run(scenario).then(
    (outcome) => reply({ id, ...outcome, seconds: (performance.now() - begun) / 1000 }),
    (error) => reply({ id, error: { code: errorCode(error), message: errorMessage(error) } }),
  )
})
