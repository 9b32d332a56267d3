/** Least CPU or wall milliseconds of a call, contenders taking turns so that all see the same machine. */

export interface Contender {
  readonly name: string
  /** Milliseconds of one call, the least within about this many seconds of work; undefined when it cannot run. */
  slice(seconds: number): Promise<number | undefined>
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** The least over calls of a slice; calls shorter than 2 ms are timed in groups, for the clock's sake. */
function sliceOf(clock: () => number, body: () => void, seconds: number): number {
  const end = performance.now() + 1000 * seconds
  let group = 1
  let best = Number.POSITIVE_INFINITY
  do {
    const begun = clock()
    for (let call = 0; call < group; call++) body()
    const spent = clock() - begun
    if (spent < 2) group = Math.ceil(group * 2)
    else best = Math.min(best, spent / group)
  } while (performance.now() < end || best === Number.POSITIVE_INFINITY)
  return best
}

/** A call that takes longer is made twice, not turn after turn. */
const LONG_MS = 1000

/** Work of this process on one thread: CPU time. */
export function onCpu(name: string, body: () => void): Contender {
  let long = 0
  return {
    name,
    slice: async (seconds) => {
      if (long >= 2) return undefined
      const ms = sliceOf(cpuMs, body, seconds)
      if (ms > LONG_MS) long++
      return ms
    },
  }
}

/** Work on several threads: wall time. */
export function onWall(name: string, body: () => void): Contender {
  return { name, slice: async (seconds) => sliceOf(() => performance.now(), body, seconds) }
}

/** The least milliseconds of each contender after this many turns each. */
export async function takeTurns(
  contenders: readonly Contender[],
  turns: number,
  seconds: number,
): Promise<ReadonlyMap<string, number>> {
  const least = new Map<string, number>()
  for (let turn = 0; turn < turns; turn++) {
    for (const { name, slice } of contenders) {
      if (turn > 0 && !least.has(name)) continue
      const ms = await slice(seconds)
      if (ms !== undefined) least.set(name, Math.min(ms, least.get(name) ?? ms))
    }
  }
  return least
}
