import { readFileSync } from 'node:fs'

/**
 * How many files a process of Tempered must be able to open: its modules are read many at a time, and where that fails
 * Node.js says only that some module is not there.
 */
export const LEAST_OPEN_FILES = 320

/** What the system lets this process open; undefined where it does not say so at once. Node.js has raised it already. */
export function openFilesLimit(path = '/proc/self/limits'): number | undefined {
  let limits: string
  try {
    limits = readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1]
  if (soft === undefined) return undefined
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
}

/** The error of a process that may open too few files; undefined if it may open enough. */
export function openFilesError(limit: number | undefined): string | undefined {
  if (limit === undefined || limit >= LEAST_OPEN_FILES) return undefined
  return `error E_OPEN_FILES: this process may open ${limit} files, but needs ${LEAST_OPEN_FILES}; raise the limit: ulimit -n 4096, or LimitNOFILE= in the unit of systemd`
}
