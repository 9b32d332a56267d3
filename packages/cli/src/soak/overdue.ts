import type { Clock } from '@tempered/node'

/** Something that a soak waited for has not happened in time. That is a finding, whatever the reason. */
export class Overdue extends Error {}

/**
 * What `work` comes to. Throws `Overdue` when it takes longer; it may then still go on. Not with `AbortSignal.any` over
 * `AbortSignal.timeout`: Node 20 forgets such a timeout at its next garbage collection, and waits for ever.
 */
export async function within<T>(clock: Clock, limitMs: number, what: string, work: Promise<T>): Promise<T> {
  let cancel: (() => void) | undefined
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(limitMs, () => reject(new Overdue(`${what}: not over after ${limitMs / 1000} s`)))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    cancel?.()
  }
}
