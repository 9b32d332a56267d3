import { type Logger as PinoLogger, pino } from 'pino'

/** Structured logs; bindings used everywhere: `component`, `peer`, `round`. */
export type Logger = PinoLogger

/** A logger that discards everything. */
export const silentLogger: Logger = pino({ level: 'silent' })
