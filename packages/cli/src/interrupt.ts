import { closeSync } from 'node:fs'
import { EXIT } from './exit-codes.js'

/** What ended the run from outside, if anything did. */
export interface Interruption {
  /** 130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP, undefined when the run ended by itself. */
  readonly exitCode: number | undefined
  dispose(): void
}

let begun = false

/** Whether this process has begun to run a node or an experiment, whose results still have to be written at its end. */
export function hasBegun(): boolean {
  return begun
}

/**
 * Calls `stop` at the first SIGINT, SIGTERM or SIGHUP (the terminal was closed). A second SIGINT or SIGTERM exits at
 * once; a second SIGHUP does not, since a shell may send one in addition to that of the terminal. With `hangUp` SIGHUP calls
 * that instead, as for services, which have no terminal.
 */
export function onInterrupt(stop: () => Promise<void>, hangUp?: () => void): Interruption {
  let exitCode: number | undefined
  const handle = (code: number) => (): void => {
    if (exitCode !== undefined) {
      if (code === EXIT.hungUp) return
      process.exit(code)
    }
    exitCode = code
    if (code === EXIT.hungUp) process.once('exit', closeTerminal)
    void stop()
  }
  const handlers = {
    SIGINT: handle(EXIT.interrupted),
    SIGTERM: handle(EXIT.terminated),
    SIGHUP: hangUp ?? handle(EXIT.hungUp),
  }
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler)
  begun = true
  return {
    get exitCode() {
      return exitCode
    },
    dispose() {
      for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler)
    },
  }
}

/** At its end Node restores the modes of its terminal, and aborts if that has gone; it skips closed descriptors. */
function closeTerminal(): void {
  for (const descriptor of [0, 1, 2]) {
    try {
      closeSync(descriptor)
    } catch {
      // It is closed already.
    }
  }
}
