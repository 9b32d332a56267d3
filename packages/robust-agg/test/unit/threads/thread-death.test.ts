/** Threads that die, between jobs and within one: every job ends, with the same bits, and the rest goes on. */

import { createHash } from 'node:crypto'
import type { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createRule, vectorArena } from '../../../src/index.js'
import * as kernels from '../../../src/kernels/dispatch.js'
import { runSpans, type SpanJob } from '../../../src/kernels/spans.js'
import { type KernelThreads, startKernelThreads } from '../../../src/threads/kernel-threads.js'
import { FunctionCode, I32, wasm } from '../../../src/wasm/code.js'
import { layout, SPAN_LENGTH, wasmRuntime } from '../../../src/wasm/runtime.js'
import { SPAN_PARAMETERS, spanParameters } from '../../../src/wasm/span-parameters.js'
import { cloud } from '../../support.js'

const workers: Worker[] = vi.hoisted(() => [])
vi.mock('node:worker_threads', async (original) => {
  const actual = await original<typeof import('node:worker_threads')>()
  return {
    ...actual,
    Worker: class extends actual.Worker {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        super(...args)
        workers.push(this)
      }
    },
  }
})

const D = 6 * SPAN_LENGTH + 777
const SPANS = 12
const UNREACHABLE = 0

let threads: KernelThreads | null = null
afterEach(async () => {
  await threads?.close()
  workers.length = 0
})

/** The bits, as a hash. */
const bitsOf = (x: Float32Array | Float64Array): string =>
  createHash('sha256').update(new Uint8Array(x.slice().buffer)).digest('hex')

/** Turns of a loop: as many in the calling thread as others may need to wake, and more than its patience in others. */
const SHORT = 1_000_000
const LONG = 300_000_000

/**
 * out += 1, after some turns of a loop. In other threads than the calling one a kernel that is `slow` takes many more turns
 * and one that `traps` ends its thread once it has written.
 */
function counting(other: 'slow' | 'traps'): FunctionCode {
  const code = new FunctionCode(SPAN_PARAMETERS)
  const { out, scratch } = spanParameters
  const turns = code.local(I32)
  const elsewhere = (): FunctionCode => code.get(scratch).i32(layout.scratch).op(wasm.i32Eq).op(wasm.i32Eqz)
  code.i32(SHORT).set(turns)
  if (other === 'slow') elsewhere().when(() => code.i32(LONG).set(turns))
  code.loop(() => {
    code.advance(turns, -1)
    code.get(turns)
  })
  code.get(out).get(out).memory(wasm.f64Load, 0).f64(1).op(wasm.f64Add).memory(wasm.f64Store, 0)
  if (other === 'traps') elsewhere().when(() => code.op(UNREACHABLE))
  return code
}

describe.runIf(vectorArena() !== null)('a kernel thread that dies', () => {
  const runtime = wasmRuntime() as NonNullable<ReturnType<typeof wasmRuntime>>
  const put = (x: Float32Array): Float32Array => {
    const vector = runtime.allocate(x.length) as Float32Array
    vector.set(x)
    return vector
  }

  /** Runs the kernel over all spans and gives what stands in each span's place. */
  function counts(kernel: 'slow' | 'traps', compiled: ReturnType<typeof runtime.compile>): number[] {
    const first = layout.results / 8
    runtime.float64.fill(0, first, first + SPANS)
    const job: SpanJob = {
      module: compiled.module,
      kernel,
      anchor: 0,
      shift: 0,
      rows: 1,
      length: SPANS * SPAN_LENGTH,
      out: layout.results,
      outStep: 8,
      overwrites: false,
      restart: (span) => {
        runtime.float64[first + span] = 0
      },
    }
    runSpans(job, compiled.functions)
    return Array.from(runtime.float64.subarray(first, first + SPANS))
  }
  const compiled = runtime.compile({ slow: counting('slow'), traps: counting('traps') })
  const once = new Array<number>(SPANS).fill(1)

  test('in a job, after it has written: its spans are done again from the start', async () => {
    threads = await startKernelThreads(3)
    // Each job in which a helper claims a span ends that helper; the calling thread sees it without any event.
    while (threads?.threads !== 1) expect(counts('traps', compiled)).toEqual(once)
    expect(counts('traps', compiled)).toEqual(once)
    // The events come later, and change nothing more.
    await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))))
    expect(threads.threads).toBe(1)
  })

  test('one that is only slow is waited for, and stays', async () => {
    threads = await startKernelThreads(2)
    while (threads?.spansElsewhere() === 0) expect(counts('slow', compiled)).toEqual(once)
    expect(threads?.threads).toBe(2)
  })

  const rows = Array.from({ length: 5 }, (_, j) => put(cloud(`death ${j}`, D)))
  const out = put(new Float32Array(D))
  const work = (): string[] => {
    kernels.middleMean(rows, 1, out)
    return [bitsOf(kernels.pairwiseSquaredDistances(rows)), bitsOf(out)]
  }

  test('between jobs: dropped, and the others still take part', async () => {
    const alone = work()
    threads = await startKernelThreads(3)
    await workers[0].terminate()
    expect(threads?.threads).toBe(2)
    const before = threads?.spansElsewhere() ?? 0
    while (threads?.spansElsewhere() === before) expect(work()).toEqual(alone)
    await workers[1].terminate()
    expect(threads?.threads).toBe(1)
    expect(work()).toEqual(alone)
  })

  test('at any moment: jobs go on while it ends', async () => {
    const alone = work()
    threads = await startKernelThreads(3)
    expect(work()).toEqual(alone)
    const ended = workers.map((worker) => worker.terminate())
    for (let turn = 0; turn < 5; turn++) expect(work()).toEqual(alone)
    await Promise.all(ended)
    expect(threads?.threads).toBe(1)
    expect(work()).toEqual(alone)
  })

  test('a result that takes the place of an input, which cannot be begun twice, is left to one thread', async () => {
    const c = [0.3, -0.2, 0.5, 0.1, 0.25]
    kernels.linearCombination(c, rows, out)
    const expected = bitsOf(out)
    threads = await startKernelThreads(2)
    const mine = put(rows[2])
    const before = threads?.spansElsewhere()
    kernels.linearCombination(c, [rows[0], rows[1], mine, rows[3], rows[4]], mine)
    expect(bitsOf(mine)).toEqual(expected)
    expect(threads?.spansElsewhere()).toBe(before)
    const [own, ...neighbours] = rows.map((x) => x.slice()).map(put)
    const { vector } = createRule('average').aggregate({ own, neighbours, round: 0, rounds: 1 }, own)
    expect(bitsOf(vector)).toEqual(
      bitsOf(createRule('average').aggregate({ own: rows[0], neighbours, round: 0, rounds: 1 }).vector),
    )
  })
})
