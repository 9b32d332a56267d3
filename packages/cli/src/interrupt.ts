import { EXIT } from './exit-codes.js'

/** What ended the run from outside, if anything did. */
export interface Interruption {
  /** 130 after SIGINT, 143 after SIGTERM, undefined when the run ended by itself. */
  readonly exitCode: number | undefined
  dispose(): void
}

/** Calls `stop` at the first SIGINT or SIGTERM; a second one exits at once. */
export function onInterrupt(stop: () => Promise<void>): Interruption {
  let exitCode: number | undefined
  const handle = (code: number) => (): void => {
    if (exitCode !== undefined) process.exit(code)
    exitCode = code
    void stop()
  }
  const onInt = handle(EXIT.interrupted)
  const onTerm = handle(EXIT.terminated)
  process.on('SIGINT', onInt)
  process.on('SIGTERM', onTerm)
  return {
    get exitCode() {
      return exitCode
    },
    dispose() {
      process.off('SIGINT', onInt)
      process.off('SIGTERM', onTerm)
    },
  }
}
