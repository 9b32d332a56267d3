import type { Block } from '@tempered/chain'
import { describe, expect, it } from 'vitest'
import type { BlockFinding } from '../../../src/chain/block-checker.js'
import { judgeBlock } from '../../../src/chain/block-judge.js'
import { type Clock, deadlineOf } from '../../../src/clock.js'
import { silentLogger } from '../../../src/logger.js'

const block = { body: { author: 'a', height: 3 } } as Block

/** Time that passes whenever somebody waits for it. */
const eager: Clock = {
  wallMs: () => 0,
  monotonicMs: () => 0,
  after(_, callback) {
    let cancelled = false
    queueMicrotask(() => {
      if (!cancelled) callback()
    })
    return () => {
      cancelled = true
    }
  },
  deadline: (delayMs, parent) => deadlineOf(eager.after, delayMs, parent),
}

function judge(
  findings: readonly BlockFinding[],
  depths: readonly number[],
  confirmations: number | undefined,
) {
  let looks = 0
  const at = <T>(list: readonly T[]): T => list[Math.min(looks - 1, list.length - 1)] as T
  const judged = judgeBlock(block, {
    checker: {
      async check() {
        looks += 1
        return at(findings)
      },
    },
    clock: eager,
    logger: silentLogger,
    signal: new AbortController().signal,
    confirmations,
    depthOf: () => at(depths),
  })
  return judged.then((isRight) => ({ isRight, looks }))
}

describe('a block', () => {
  it('is what its computation says, however deep it lies', async () => {
    expect(await judge(['right'], [0], 2)).toEqual({ isRight: true, looks: 1 })
    expect(await judge(['wrong'], [9], 2)).toEqual({ isRight: false, looks: 1 })
  })

  it('counts as right when it cannot be computed and others have built on it', async () => {
    expect(await judge(['unproven'], [2], 2)).toEqual({ isRight: true, looks: 1 })
    expect(await judge(['unproven'], [0, 1, 2], 2)).toEqual({ isRight: true, looks: 3 })
  })

  it('is looked at again while its models are awaited, and then refused', async () => {
    expect(await judge(['unproven', 'unproven', 'right'], [0], 2)).toEqual({ isRight: true, looks: 3 })
    expect((await judge(['unproven'], [1], 2)).isRight).toBe(false)
  })

  it('is never taken for its depth where members vote', async () => {
    expect((await judge(['unproven'], [50], undefined)).isRight).toBe(false)
  })
})
