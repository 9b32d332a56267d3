import { monitorEventLoopDelay } from 'node:perf_hooks'

/** How late this process handles events: training has threads of its own, so the delay should be small. */
export interface EventLoopWatch {
  /** The longest delay since the last call, in seconds. */
  longestSeconds(): number
  close(): void
}

const RESOLUTION_MS = 20

export function watchEventLoop(): EventLoopWatch {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delays.enable()
  return {
    longestSeconds() {
      const { max } = delays
      delays.reset()
      return Math.max(0, max / 1e9 - RESOLUTION_MS / 1000)
    },
    close: () => void delays.disable(),
  }
}

/** A process that stands still for longer than this does not keep its deadlines. */
export const MOST_STALL_SECONDS = 10

export function stallReasons(longestSeconds: number): string[] {
  return longestSeconds <= MOST_STALL_SECONDS
    ? []
    : [`the event loop stood still for ${longestSeconds.toFixed(1)} s: the machine is overloaded, or swaps`]
}
