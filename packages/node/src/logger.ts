import { type LoggerOptions, type Logger as PinoLogger, pino } from 'pino'

/** Structured logs; bindings used everywhere: `component`, `peer`, `round`. */
export type Logger = PinoLogger

/**
 * For `pino`: code counts rounds from 0, as ledgers do; logs count from 1, as everything that people read. A call
 * passes the round as the code has it.
 */
export const logFormatters: NonNullable<LoggerOptions['formatters']> = {
  log: (fields) => (typeof fields.round === 'number' ? { ...fields, round: fields.round + 1 } : fields),
}

/** A logger that discards everything. */
export const silentLogger: Logger = pino({ level: 'silent' })
