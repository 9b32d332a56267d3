/** A node's source of time. Only this file uses the wall clock and timers; tests inject their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  wallMs(): number
  /** Milliseconds since an arbitrary start; never decreases. */
  monotonicMs(): number
  /** Calls back once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void
  /** A signal that aborts after `delayMs`, or when `parent` does; `clear` must be called when the work is done. */
  deadline(delayMs: number, parent?: AbortSignal): { readonly signal: AbortSignal; clear(): void }
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: afterTimeout,
  deadline: (delayMs, parent) => deadlineOf(afterTimeout, delayMs, parent),
}

function afterTimeout(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs)
  return () => clearTimeout(timer)
}

/** `Clock.deadline` implemented with `Clock.after`. */
export function deadlineOf(
  after: Clock['after'],
  delayMs: number,
  parent?: AbortSignal,
): ReturnType<Clock['deadline']> {
  const controller = new AbortController()
  const cancel = after(delayMs, () =>
    controller.abort(new DOMException(`over ${delayMs} ms`, 'TimeoutError')),
  )
  const onParent = (): void => controller.abort(parent?.reason)
  if (parent?.aborted) onParent()
  else parent?.addEventListener('abort', onParent, { once: true })
  return {
    signal: controller.signal,
    clear() {
      cancel()
      parent?.removeEventListener('abort', onParent)
    },
  }
}

/** Resolves after `delayMs`, or at once when the signal aborts. Never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve()
      return
    }
    const done = (): void => {
      cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.after(delayMs, done)
    signal?.addEventListener('abort', done, { once: true })
  })
}
