import { EXIT } from './exit-codes.js'

/** What ended the run from outside, if anything did. */
export interface Interruption {
  /** 130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP, undefined when the run ended by itself. */
  readonly exitCode: number | undefined
  dispose(): void
}

let running = 0

/** Whether something runs that takes longer than its output is read: a node or an experiment. */
export function isRunning(): boolean {
  return running > 0
}

/**
 * Calls `stop` at the first SIGINT, SIGTERM or SIGHUP (the terminal was closed). A second SIGINT or SIGTERM exits at
 * once; a second SIGHUP does not, since a shell may send one in addition to that of the terminal.
 */
export function onInterrupt(stop: () => Promise<void>): Interruption {
  let exitCode: number | undefined
  const handle = (code: number) => (): void => {
    if (exitCode !== undefined) {
      if (code === EXIT.hungUp) return
      process.exit(code)
    }
    exitCode = code
    void stop()
  }
  const handlers = {
    SIGINT: handle(EXIT.interrupted),
    SIGTERM: handle(EXIT.terminated),
    SIGHUP: handle(EXIT.hungUp),
  }
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler)
  running += 1
  let disposed = false
  return {
    get exitCode() {
      return exitCode
    },
    dispose() {
      if (disposed) return
      disposed = true
      running -= 1
      for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler)
    },
  }
}
