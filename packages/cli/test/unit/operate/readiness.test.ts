import { systemClock } from '@tempered/node'
import { describe, expect, it } from 'vitest'
import { MOST_STALL_SECONDS, stallReasons, watchEventLoop } from '../../../src/operate/event-loop-watch.js'
import { unreadiness } from '../../../src/operate/readiness.js'
import { sampleStatus } from '../../support/sample-status.js'

describe('readiness', () => {
  it('is given while a node works on a round with a neighbour', () => {
    for (const phase of ['training', 'publishing', 'collecting', 'aggregating', 'lingering'] as const)
      expect(unreadiness(sampleStatus({ phase }))).toEqual([])
  })

  it.each([
    [{ isListening: false, phase: 'idle' }, 'the network is not open yet'],
    [{ phase: 'idle' }, 'the rounds have not begun yet'],
    [{ phase: 'joining' }, 'waits for its neighbours'],
    [{ phase: 'syncing' }, 'catches up'],
    [{ phase: 'done' }, 'all rounds of the run are done'],
    [{ neighbours: sampleStatus().neighbours.slice(1) }, 'none of 1 neighbours is connected'],
  ] as const)('is not given with %o', (changes, reason) => {
    expect(unreadiness(sampleStatus(changes)).join('; ')).toContain(reason)
  })
})

describe('health', () => {
  it('remembers the longest delay for a minute, and sees one that has not ended', () => {
    let nowMs = 0
    const timers: (() => void)[] = []
    const clock = {
      ...systemClock,
      monotonicMs: () => nowMs,
      after: (_delayMs: number, callback: () => void) => {
        timers.push(callback)
        return () => undefined
      },
    }
    const fireAt = (ms: number): void => {
      nowMs = ms
      timers.shift()!()
    }
    const watch = watchEventLoop(clock)
    fireAt(1_000)
    expect(watch.longestSeconds()).toBe(0)
    nowMs = 15_000
    expect(watch.longestSeconds()).toBe(13)
    fireAt(15_000)
    fireAt(16_000)
    expect(watch.longestSeconds()).toBe(13)
    for (let ms = 17_000; ms <= 76_000; ms += 1_000) fireAt(ms)
    expect(watch.longestSeconds()).toBe(0)
  })

  it('is lost by an event loop that stood still for too long', () => {
    expect(stallReasons(MOST_STALL_SECONDS)).toEqual([])
    expect(stallReasons(MOST_STALL_SECONDS + 0.1)).toEqual([
      'the event loop stood still for 10.1 s: the machine is overloaded, or swaps',
    ])
  })
})
