/**
 * Threads for long vectors. Once started, every rule's kernels share their spans of 65,536 values with them, as long
 * as all vectors of a call are in the arena (`vectorArena()`) and have at least four spans. The calling thread works
 * too and waits for the rest, so `Rule.aggregate` stays synchronous. Results have the same bits with any number of
 * threads, since a span's result does not depend on who computed it and sums are added in span order.
 *
 * A thread may die, for example when memory runs out. The caller then finishes that thread's work and continues with
 * the others. A slow thread is waited for as long as it lives: sums are added in place, so a span that a living
 * thread is working on cannot be computed by another thread too.
 */

import { RobustAggError } from '../errors.js'
import { runAlone, type SpanJob, setSpanRunner, spanArguments, spanCount } from '../kernels/spans.js'
import { layout, MAX_THREADS, type WasmFunctions, wasmRuntime } from '../wasm/runtime.js'
import { type Helper, hasEnded, readiness, type Shared, startHelper } from './helper.js'
import { BUSY } from './worker-source.js'

/** Fewer spans are computed faster than other threads can be woken. */
const LEAST_SPANS = 4
/** Most spans of one job: the limit of the low half of the control word. */
const MOST_SPANS = 0xfff0
/** How long the caller waits before it checks whether the other threads are alive. */
const PATIENCE_MS = 50

export interface KernelThreads {
  /** Number of working threads, including the calling one; fewer than were started when some have died. */
  readonly threads: number
  /** Spans that the other threads have computed so far. */
  spansElsewhere(): number
  /** Ends the threads; kernels then run only on the calling thread. */
  close(): Promise<void>
}

let running: KernelThreads | null = null

/** Waits until no helper is working on job `number` any more; drops helpers that have died. */
function awaitOthers(helpers: Helper[], control: Int32Array, number: number): void {
  const busy = (): boolean => helpers.some(({ thread }) => Atomics.load(control, BUSY + thread) === number)
  for (;;) {
    const left = Atomics.load(control, 2)
    if (!busy()) return
    if (Atomics.wait(control, 2, left, PATIENCE_MS) !== 'timed-out') continue
    for (const helper of [...helpers]) if (hasEnded(helper)) drop(helpers, helper)
  }
}

function drop(helpers: Helper[], helper: Helper): void {
  const at = helpers.indexOf(helper)
  if (at >= 0) helpers.splice(at, 1)
}

/** @param helpers - shrinks when one dies */
function createRunner(helpers: Helper[], { control, finished }: Shared) {
  const ids = new WeakMap<object, number>()
  let modules = 0
  const idOf = (module: object): number => {
    const id = ids.get(module) ?? modules++
    ids.set(module, id)
    return id
  }
  return (job: SpanJob, functions: WasmFunctions): void => {
    const count = spanCount(job.length)
    if (count < LEAST_SPANS || count > MOST_SPANS || job.overwrites || helpers.length === 0) {
      runAlone(job, functions)
      return
    }
    const spans = Array.from({ length: count }, (_, span) => spanArguments(job, span, layout.scratch))
    const number = (Atomics.load(control, 0) + 1) | 0 || 1
    const id = idOf(job.module)
    for (const { port, known } of helpers) {
      port.postMessage({ number, id, module: known.has(id) ? null : job.module, kernel: job.kernel, spans })
      known.add(id)
    }
    Atomics.store(control, 1, (number & 0xffff) << 16)
    Atomics.store(control, 0, number)
    Atomics.notify(control, 0)
    const kernel = functions[job.kernel]
    for (;;) {
      const span = Atomics.add(control, 1, 1) & 0xffff
      if (span >= count) break
      kernel(...spans[span])
      Atomics.store(finished, span, number)
    }
    awaitOthers(helpers, control, number)
    for (let span = 0; span < count; span++) {
      if (Atomics.load(finished, span) === number) continue
      job.restart(span)
      kernel(...spans[span])
    }
  }
}

/**
 * Starts threads for this process's kernels; resolves when all are ready.
 *
 * @param threads - total number of threads, including the calling one, 1 to 16; 1 starts none
 * @returns null when the machine has no WebAssembly SIMD
 * @throws RobustAggError E_PARAMETER_RANGE for a number outside this range, or when threads are already running
 */
export async function startKernelThreads(threads: number): Promise<KernelThreads | null> {
  const runtime = wasmRuntime()
  if (runtime === null) return null
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS || running !== null) {
    const problem = running === null ? `must be a whole number in [1, ${MAX_THREADS}]` : 'are already running'
    throw new RobustAggError('E_PARAMETER_RANGE', `kernel threads: ${threads} ${problem}.`, {
      owner: 'kernel threads',
      parameter: 'threads',
      value: threads,
      range: `[1, ${MAX_THREADS}]`,
    })
  }
  const shared: Shared = {
    control: new Int32Array(new SharedArrayBuffer(4 * (BUSY + MAX_THREADS))),
    finished: new Int32Array(new SharedArrayBuffer(4 * MOST_SPANS)),
    memory: runtime.memory,
  }
  const helpers: Helper[] = []
  const started = Array.from({ length: threads - 1 }, (_, k) =>
    startHelper(k + 1, shared, (helper) => drop(helpers, helper)),
  )
  helpers.push(...started)
  const result: KernelThreads = {
    get threads() {
      return helpers.length + 1
    },
    spansElsewhere: () => Atomics.load(shared.control, 3),
    close: async () => {
      if (running !== result) return
      running = null
      setSpanRunner(null)
      await Promise.all(started.map(({ worker }) => worker.terminate()))
    },
  }
  running = result
  try {
    await Promise.all(helpers.map(readiness))
  } catch (problem) {
    await result.close()
    throw problem
  }
  if (helpers.length > 0) setSpanRunner(createRunner(helpers, shared))
  return result
}
