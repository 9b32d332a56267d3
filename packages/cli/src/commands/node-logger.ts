import { type Logger, logFormatters } from '@tempered/node'
import { pino } from 'pino'
import type { NodeConfig } from '../config/node-config.js'
import { sentence } from '../terminal/log-sentence.js'

/** The log of a node: sentences on a terminal, JSON lines elsewhere. Errors that nobody catches go there too. */
export async function openNodeLog(config: NodeConfig): Promise<Logger> {
  const logger = await createLogger(config)
  process.on('uncaughtException', (error) =>
    logger.error({ err: error, component: 'process' }, 'uncaught exception'),
  )
  process.on('unhandledRejection', (error) =>
    logger.error({ err: error, component: 'process' }, 'unhandled rejection'),
  )
  return logger
}

async function createLogger(config: NodeConfig): Promise<Logger> {
  const options = { level: config.logLevel, base: { node: config.name }, formatters: logFormatters }
  const destination = logDestination()
  if (!process.stderr.isTTY) return pino(options, destination)
  const { default: pretty } = await import('pino-pretty')
  const stream = pretty({
    destination,
    colorize: process.env.NO_COLOR === undefined,
    hideObject: true,
    messageFormat: (fields) => sentence(fields),
    translateTime: 'SYS:HH:MM:ss',
  })
  return pino(options, stream)
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
