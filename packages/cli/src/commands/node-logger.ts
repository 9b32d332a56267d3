import { type Logger, logFormatters } from '@tempered/node'
import { errorMessage } from '@tempered/node/errors'
import { pino } from 'pino'
import type { NodeConfig } from '../config/node-config.js'
import { CliError } from '../errors.js'
import { sentence } from '../terminal/log-sentence.js'

export interface NodeLog {
  readonly logger: Logger
  /** Opens the log file again, e.g. after it was renamed; undefined for logs on stderr. */
  readonly reopen: (() => void) | undefined
}

/**
 * The log of a node: sentences on a terminal, JSON lines elsewhere, or in a file. Errors that nobody catches go there too.
 * Throws E_FILE for a file that cannot be written.
 */
export async function openNodeLog(config: NodeConfig, file = config.logFile): Promise<NodeLog> {
  const log = await createLog(config, file)
  process.on('uncaughtException', (error) =>
    log.logger.error({ err: error, component: 'process' }, 'uncaught exception'),
  )
  process.on('unhandledRejection', (error) =>
    log.logger.error({ err: error, component: 'process' }, 'unhandled rejection'),
  )
  return log
}

/** The log of a process that is no node of a run. Throws E_FILE. */
export async function createLog(
  config: Pick<NodeConfig, 'name' | 'logLevel'>,
  file?: string,
): Promise<NodeLog> {
  const options = { level: config.logLevel, base: { node: config.name }, formatters: logFormatters }
  if (file !== undefined) {
    const { destination, reopen } = openLogFile(file)
    return { logger: pino(options, destination), reopen }
  }
  const destination = logDestination()
  if (!process.stderr.isTTY) return { logger: pino(options, destination), reopen: undefined }
  const { default: pretty } = await import('pino-pretty')
  const stream = pretty({
    destination,
    colorize: process.env.NO_COLOR === undefined,
    hideObject: true,
    messageFormat: (fields) => sentence(fields),
    translateTime: 'SYS:HH:MM:ss',
  })
  return { logger: pino(options, stream), reopen: undefined }
}

/** stderr. If it cannot be written any more (a closed pipe or terminal, a full disk), the node goes on without a log. */
function logDestination() {
  const destination = pino.destination({ dest: 2, sync: true })
  destination.on('error', () => {
    destination.write = () => true
    destination.flushSync = () => undefined
  })
  return destination
}

/** Lines that wait for a disk that is full; those beyond are lost. */
const MOST_WAITING_BYTES = 1024 * 1024

/** A file to which lines are appended. A full disk costs lines, not the node. Throws E_FILE. */
function openLogFile(file: string) {
  let told = false
  const complain = (error: unknown): void => {
    if (told) return
    told = true
    process.stderr.write(`log file ${file}: ${errorMessage(error)}; the node goes on without it\n`)
  }
  try {
    const destination = pino.destination({ dest: file, sync: true, maxLength: MOST_WAITING_BYTES })
    destination.on('error', complain)
    return {
      destination,
      reopen(): void {
        told = false
        try {
          destination.reopen()
        } catch (error) {
          complain(error)
        }
      },
    }
  } catch (error) {
    throw new CliError('E_FILE', `log file ${file}: ${errorMessage(error)}`, { file }, error)
  }
}
