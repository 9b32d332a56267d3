import { rmSync } from 'node:fs'
import { EXIT } from './exit-codes.js'

const SIGNALS = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated, SIGHUP: EXIT.hungUp } as const

/** Notes a file or folder that this command has made, or is about to make; undefined for nothing. */
export type Made = (path: string | undefined) => void

/**
 * Runs the work of a command that makes files. When it fails, what it has made is removed again, newest first; when the
 * user stops it, as well, and the process exits with the signal's code.
 */
export async function allOrNothing<T>(work: (made: Made) => Promise<T>): Promise<T> {
  const paths: string[] = []
  const removeAll = (): void => {
    for (const path of paths.reverse()) rmSync(path, { recursive: true, force: true, maxRetries: 3 })
  }
  const stops = Object.entries(SIGNALS).map(([signal, code]) => {
    const stop = (): void => {
      removeAll()
      process.exit(code)
    }
    process.on(signal, stop)
    return () => process.off(signal, stop)
  })
  try {
    return await work((path) => {
      if (path !== undefined) paths.push(path)
    })
  } catch (error) {
    removeAll()
    throw error
  } finally {
    for (const off of stops) off()
  }
}
