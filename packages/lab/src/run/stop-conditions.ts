import type { RunEvent } from '../events/run-event.js'
import { taskFactsOf } from '../measures/task-facts.js'
import type { RunPlan } from '../scenario/plan.js'

type StopEvent = RunEvent & { type: 'stopped' }

/** Watches a run for the scenario's stop conditions. */
export interface StopWatch {
  /** To be called for every event; returns the event that ends the run, once. */
  event(event: RunEvent, elapsedMs: number): StopEvent | undefined
  /** To be called when time has passed; `elapsedMs` since the start of the run. */
  time(elapsedMs: number): StopEvent | undefined
}

/**
 * A round counts when all honest nodes have finished it: nodes that were killed or have left for good are not waited
 * for. The target considers rounds that all of them evaluated.
 */
export function createStopWatch({
  scenario,
  nodes,
  run,
}: Pick<RunPlan, 'scenario' | 'nodes' | 'run'>): StopWatch {
  const { targetAccuracy, targetMetric = targetAccuracy, seconds } = scenario.stop
  const { better } = taskFactsOf(run.manifest.task).metric
  const values = new Map(
    nodes
      .filter((node) => node.attack === undefined)
      .map((node): [number, Map<number, number | null>] => [node.index, new Map()]),
  )
  const gone = new Set<number>()
  let over = false

  const counted = () => [...values].filter(([index]) => !gone.has(index)).map(([, rounds]) => rounds)

  const lastCommon = (): number | null => {
    const finished = counted().map(
      (rounds) => new Set([...rounds].filter(([, value]) => value !== null).map(([round]) => round)),
    )
    const [first, ...others] = finished
    const common = [...(first ?? [])].filter((round) => others.every((set) => set.has(round)))
    return common.length === 0 ? null : Math.max(...common)
  }

  const stop = (why: StopEvent['why']): StopEvent | undefined => {
    if (over) return undefined
    over = true
    return { type: 'stopped', why, lastRound: lastCommon() }
  }

  const meanOf = (round: number): number | undefined => {
    const values = counted().map((rounds) => rounds.get(round) ?? null)
    if (values.length === 0 || values.includes(null)) return undefined
    return values.reduce<number>((sum, value) => sum + (value ?? 0), 0) / values.length
  }

  const isReached = (mean: number, target: number): boolean =>
    better === 'higher' ? mean >= target : mean <= target

  const time: StopWatch['time'] = (elapsedMs) =>
    seconds !== undefined && elapsedMs >= seconds * 1000 ? stop('seconds') : undefined

  return {
    time,
    event(event, elapsedMs) {
      if (event.type === 'fault') {
        const { action } = event
        if (action.type === 'kill' || action.type === 'leave') gone.add(action.node)
        if (action.type === 'restart') gone.delete(action.node)
      }
      if (event.type === 'failed') gone.add(event.index)
      if (event.type === 'round') {
        const { round, testMetric } = event.report
        values.get(event.index)?.set(round, testMetric)
        const mean = targetMetric === undefined ? undefined : meanOf(round)
        if (mean !== undefined && targetMetric !== undefined && isReached(mean, targetMetric))
          return stop('target')
      }
      return time(elapsedMs)
    },
  }
}
