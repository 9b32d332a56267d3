import { resolveTask, taskFileSchema } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../src/events/run-event.js'
import { createStopWatch } from '../../../src/run/stop-conditions.js'
import type { RunPlan } from '../../../src/scenario/plan.js'
import { scenarioSchema } from '../../../src/scenario/schema.js'

/** Honest nodes 0 and 1, attacker 2. */
function watch(
  stop: { targetAccuracy?: number; targetMetric?: number; seconds?: number },
  task: unknown = {},
) {
  const nodes = [0, 1, 2].map((index) => ({ index, attack: index === 2 ? { name: 'ipm' } : undefined }))
  const run = { manifest: { task } }
  return createStopWatch({ scenario: scenarioSchema.parse({ stop }), nodes, run } as unknown as RunPlan)
}

const round = (index: number, number: number, testMetric: number | null): RunEvent =>
  ({ type: 'round', index, report: { round: number, testMetric } }) as RunEvent
const fault = (type: 'kill' | 'restart', node: number): RunEvent => ({
  type: 'fault',
  action: { at: 1, type, node },
})

describe('createStopWatch', () => {
  it('stops once the honest nodes reach the mean in one round, and says it once', () => {
    const { event } = watch({ targetAccuracy: 0.8 })
    expect(event(round(2, 0, 1), 0)).toBeUndefined()
    expect(event(round(0, 0, 0.9), 0)).toBeUndefined()
    expect(event(round(1, 0, 0.6), 0)).toBeUndefined()
    expect(event(round(0, 1, 0.9), 0)).toBeUndefined()
    expect(event(round(0, 2, 0.9), 0)).toBeUndefined()
    expect(event(round(1, 1, 0.7), 0)).toEqual({ type: 'stopped', why: 'target', lastRound: 1 })
    expect(event(round(1, 2, 0.9), 0)).toBeUndefined()
  })

  it('takes the direction of the task’s metric: an error has to fall', () => {
    const task = resolveTask(
      taskFileSchema.parse({
        task: 'prices',
        input: { type: 'tensor', shape: [3] },
        output: { type: 'number', columns: [{ name: 'price' }] },
        model: { layers: [{ layer: 'dense', units: 1 }] },
      }),
    ).task
    const { event } = watch({ targetMetric: 2 }, task)
    expect(event(round(0, 0, 5), 0)).toBeUndefined()
    expect(event(round(1, 0, 1), 0)).toBeUndefined()
    expect(event(round(0, 1, 2), 0)).toBeUndefined()
    expect(event(round(1, 1, 1.5), 0)).toMatchObject({ why: 'target', lastRound: 1 })
  })

  it('rounds without evaluation do not count', () => {
    const { event } = watch({ targetAccuracy: 0.5 })
    expect(event(round(0, 0, null), 0)).toBeUndefined()
    expect(event(round(1, 0, 0.9), 0)).toBeUndefined()
  })

  it('does not wait for nodes that are gone, but for those that came back', () => {
    const { event } = watch({ targetAccuracy: 0.8 })
    event(fault('kill', 1), 0)
    event(fault('restart', 1), 0)
    expect(event(round(0, 0, 0.9), 0)).toBeUndefined()
    event(fault('kill', 1), 0)
    expect(event(round(0, 1, 0.9), 0)).toMatchObject({ lastRound: 1 })
  })

  it('stops when the time is up, whichever way it hears of it', () => {
    expect(watch({ seconds: 2 }).time(1999)).toBeUndefined()
    expect(watch({ seconds: 2 }).time(2000)).toEqual({ type: 'stopped', why: 'seconds', lastRound: null })
    const { event } = watch({ seconds: 2 })
    event(round(0, 0, 0.5), 10)
    event(round(1, 0, 0.5), 20)
    expect(event(round(0, 1, 0.5), 2500)).toEqual({ type: 'stopped', why: 'seconds', lastRound: 0 })
  })

  it('never stops without conditions', () => {
    const { event, time } = watch({})
    event(round(0, 0, 1), 1e9)
    expect(event(round(1, 0, 1), 1e9)).toBeUndefined()
    expect(time(1e12)).toBeUndefined()
  })
})
