/** Threads: any number gives the same bits, they really work, and they end. */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { isRobustAggError, vectorArena } from '../../../src/index.js'
import * as kernels from '../../../src/kernels/dispatch.js'
import { type KernelThreads, startKernelThreads } from '../../../src/threads/kernel-threads.js'
import { cloud } from '../../support.js'

const D = 5 * 65536 + 777
const arena = vectorArena()

function put(x: Float32Array): Float32Array {
  const vector = arena?.allocate(x.length)
  if (vector === null || vector === undefined) throw new Error('no arena')
  vector.set(x)
  return vector
}

let threads: KernelThreads | null = null
afterEach(async () => {
  await threads?.close()
})

const hash = (...results: ArrayLike<number>[]): string => {
  const digest = createHash('sha256')
  for (const result of results) {
    const { buffer, byteOffset, byteLength } =
      result instanceof Float32Array ? result : Float64Array.from(result)
    digest.update(new Uint8Array(buffer, byteOffset, byteLength))
  }
  return digest.digest('hex')
}

describe.runIf(arena !== null)('kernel threads', () => {
  const [anchor, ...rows] = Array.from({ length: 6 }, (_, j) =>
    put(cloud(`thread ${j}`, D, 1, 0.1 * j + 0.1)),
  )
  const out = put(new Float32Array(D))
  const c = [0.3, -0.2, 0.5, 0.1, 0.25]

  const work: Record<string, () => string> = {
    median: () => {
      kernels.middleMean(rows, 2, out)
      return hash(out)
    },
    'trimmed mean': () => {
      kernels.middleMean(rows, 1, out)
      return hash(out)
    },
    meamed: () => {
      kernels.closestMean(rows, 3, out)
      return hash(out)
    },
    combination: () => {
      kernels.linearCombination(c, rows, out)
      return hash(out)
    },
    'anchored combination': () => {
      kernels.anchoredCombination(anchor, c, rows, out)
      return hash(out)
    },
    'distances one-to-n': () => hash(kernels.squaredDistancesTo(anchor, rows, new Float64Array(5))),
    'distances pairwise': () => hash(kernels.pairwiseSquaredDistances(rows)),
    'Weiszfeld step': () => hash(kernels.squaredDistancesToCombination(c, rows, new Float64Array(5))),
    norm: () => hash([kernels.squaredNorm(anchor)]),
  }

  test.each(Object.entries(work))('%s: the same bits with 1, 2 and 3 threads', async (_name, run) => {
    const alone = run()
    for (const count of [1, 2, 3]) {
      threads = await startKernelThreads(count)
      for (let turn = 0; turn < 5; turn++) expect(run()).toBe(alone)
      await threads?.close()
    }
    expect(run()).toBe(alone)
  })

  test('others than the calling thread take part', async () => {
    threads = await startKernelThreads(2)
    while (threads?.spansElsewhere() === 0) work['distances pairwise']()
    expect(threads?.spansElsewhere()).toBeGreaterThan(0)
  })

  test('a second set, or a number out of range, is refused', async () => {
    threads = await startKernelThreads(2)
    for (const count of [2, 0, 17, 1.5]) {
      await expect(startKernelThreads(count)).rejects.toSatisfy(
        (problem) => isRobustAggError(problem) && problem.code === 'E_PARAMETER_RANGE',
      )
    }
  })

  test('a process that forgets its threads ends all the same', () => {
    const file = new URL('../../../dist/threads/kernel-threads.js', import.meta.url).href
    const program = `const { startKernelThreads } = await import(${JSON.stringify(file)}); await startKernelThreads(3); console.log('end')`
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      timeout: 600_000,
    })
    expect(output).toBe('end\n')
  })
})
