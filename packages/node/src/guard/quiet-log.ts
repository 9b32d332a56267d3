import { counted } from '@tempered/errors'
import type { Clock } from '../clock.js'
import type { Logger } from '../logger.js'

/**
 * A log of what others cause, which they must not be able to fill: of each code a few lines per minute, and then one
 * that says how many more there were.
 */
export interface QuietLog {
  warn(code: string, fields: Readonly<Record<string, unknown>>, message: string): void
  /** Writes what is still to be said. */
  stop(): void
}

const WINDOW_MS = 60_000
const LINES_PER_WINDOW = 5

export function createQuietLog(logger: Logger, clock: Pick<Clock, 'after'>): QuietLog {
  const windows = new Map<string, { lines: number; close(): void; cancel(): void }>()
  const open = (code: string) => {
    const close = (): void => {
      windows.delete(code)
      const more = window.lines - LINES_PER_WINDOW
      if (more > 0)
        logger.warn(
          { code, count: more },
          `${counted(more, 'more message')} with ${code} in the last minute were not logged one by one`,
        )
    }
    const window = { lines: 0, close, cancel: clock.after(WINDOW_MS, close) }
    windows.set(code, window)
    return window
  }
  return {
    warn(code, fields, message) {
      const window = windows.get(code) ?? open(code)
      window.lines += 1
      if (window.lines <= LINES_PER_WINDOW) logger.warn({ ...fields, code }, message)
    },
    stop() {
      for (const { cancel, close } of [...windows.values()]) {
        cancel()
        close()
      }
    },
  }
}
