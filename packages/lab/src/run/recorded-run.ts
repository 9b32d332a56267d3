import { counted } from '@tempered/errors'
import { systemClock } from '@tempered/node'
import { startCluster } from '../cluster/cluster.js'
import { LabError } from '../errors.js'
import { failureOf } from '../events/node-failure.js'
import type { Observed, RunEvent } from '../events/run-event.js'
import type { FaultAction } from '../faults/fault-timeline.js'
import { divergenceText, isDivergence } from '../measures/divergence.js'
import type { FailedNode, NodeRecord, RunRecord } from '../measures/run-record.js'
import type { RunScore } from '../measures/run-score.js'
import type { RunPlan } from '../scenario/plan.js'
import { loadScenarioSamples } from '../scenario/scenario-task.js'
import type { Stage, StagedRun, StageInit } from '../stage/stage.js'
import { openBackdoorMeter } from './backdoor-meter.js'
import { createObserver } from './observer.js'
import { openRunFolder } from './run-folder.js'
import { recordOf, type ScoreInput, scoreRun } from './score-run.js'
import { createStopWatch } from './stop-conditions.js'

/** A run that is being observed, recorded and scored. */
export interface RecordedRun {
  readonly plan: RunPlan
  readonly folder: string
  /** By node index; grows while the run goes on. */
  readonly records: readonly NodeRecord[]
  readonly pids: readonly number[]
  /** Whether a stop condition of the scenario has ended it before its last round. */
  readonly stoppedEarly: (RunEvent & { type: 'stopped' }) | undefined
  /** The data of the run so far. */
  record(): RunRecord
  /** Resolves with the score when all nodes are done; after `stop`, with the score so far. */
  finish(): Promise<RunScore>
  stop(): Promise<void>
}

export interface RecordedRunInit extends Omit<StageInit, 'onEvent'> {
  /** What runs the plan: `startCluster` unless another is given. */
  readonly stage?: Stage
  /** Whether every event and metric goes to files in `folder`; default true. */
  readonly writeFiles?: boolean
  /** Every event, after it was recorded, with the real milliseconds since the start of the run. */
  onEvent(event: RunEvent, elapsedMs: number): void
}

export async function startRecordedRun(init: RecordedRunInit): Promise<RecordedRun> {
  const { plan, stage = startCluster, writeFiles = true } = init
  const source = await loadScenarioSamples(plan.scenario, init.cacheFolder)
  const results = writeFiles ? await openRunFolder(init.folder, plan, source.train) : undefined
  const begun = systemClock.monotonicMs()
  const records: NodeRecord[] = plan.nodes.map(() => ({ rounds: [] }))
  const failed: FailedNode[] = []
  const observed: Observed[] = []
  /** Nodes that a fault removed and that did not come back. */
  const gone = new Set<number>()
  let residentBytes: number | undefined
  let cluster: StagedRun | undefined
  /** Events from before the caller has the run are reported once it has it. */
  let early: (() => void)[] | undefined = []
  let stoppedEarly: RecordedRun['stoppedEarly']
  const watch = createStopWatch(plan)
  const end = (event: RecordedRun['stoppedEarly']): void => {
    if (event === undefined) return
    stoppedEarly = event
    onEvent(event)
    void cluster?.stop()
  }
  const { seconds } = plan.scenario.stop
  const cancelTimer =
    seconds === undefined
      ? () => undefined
      : systemClock.after(seconds * 1000, () => end(watch.time(systemClock.monotonicMs() - begun)))

  const onEvent = (event: RunEvent): void => {
    const realMs = systemClock.monotonicMs() - begun
    const elapsedMs = cluster?.elapsedMs?.() ?? realMs
    results?.record(event, elapsedMs)
    if (event.type === 'round') records[event.index]?.rounds.push({ report: event.report, elapsedMs })
    if (event.type === 'observed') observed.push(event)
    if (event.type === 'memory') residentBytes = (residentBytes ?? 0) + event.residentBytes
    if (event.type === 'fault') noteAbsence(event.action, gone)
    failed.push(...failuresOf(event, plan))
    if (early === undefined) init.onEvent(event, realMs)
    else early.push(() => init.onEvent(event, realMs))
    end(watch.event(event, elapsedMs))
  }
  const observer = createObserver({
    plan,
    backdoor: await openBackdoorMeter(plan, source, plan.scenario.evaluation.samples),
    readModel: async (index, cid) => cluster?.readModel(index, cid),
    onObserved: onEvent,
  })
  cluster = await stage({
    ...init,
    onEvent(event) {
      onEvent(event)
      observer.event(event)
    },
  })
  if (stoppedEarly !== undefined) void cluster.stop()
  const running = cluster
  setImmediate(() => {
    const held = early ?? []
    early = undefined
    for (const tell of held) tell()
  })

  const known = (): Omit<ScoreInput, 'verdicts'> => ({
    plan,
    records,
    failed,
    observed,
    gone: [...gone],
    lastRound: stoppedEarly?.lastRound,
    ...(residentBytes === undefined ? {} : { residentBytes }),
  })

  return {
    plan,
    folder: init.folder,
    records,
    get pids() {
      return running.pids
    },
    get stoppedEarly() {
      return stoppedEarly
    },
    record: () => recordOf(known()),
    async finish() {
      await running.done
      cancelTimer()
      await observer.settled()
      await observer.close()
      const score = scoreRun({ ...known(), verdicts: await running.ledgers() })
      await results?.writeSummary(score)
      await results?.close()
      return score
    },
    stop: () => running.stop(),
  }
}

function failuresOf(event: RunEvent, plan: RunPlan): FailedNode[] {
  if (event.type === 'failed') {
    return [failureOf(plan.nodes[event.index]!.name, event)]
  }
  if (event.type !== 'host-gone') return []
  const how = event.signal ?? `exit code ${event.exitCode}`
  return event.nodes.map((node) => ({ node, code: 'E_HOST_PROCESS', message: `its process ended (${how})` }))
}

function noteAbsence(action: FaultAction, gone: Set<number>): void {
  if (action.type === 'kill' || action.type === 'leave') gone.add(action.node)
  if (action.type === 'restart') gone.delete(action.node)
}

/**
 * Throws when nodes failed on the way, or no honest node finished (E_DIVERGED or E_NODES_FAILED); an incomplete run is not a success. A node that came
 * back after the others were done has no neighbour to continue with, and has not failed.
 *
 * @param stopped whether a stop condition ended the run; then no node had to finish
 */
export function requireNoFailures(score: RunScore, stopped = false): void {
  const { failed, unfinished, honestNodes, finishedHonest } = score
  if (failed.length > 0) {
    if (failed.every(isDivergence)) throw new LabError('E_DIVERGED', divergenceText(failed)!)
    const names = failed.map((failure) => failure.node).join(', ')
    throw new LabError('E_NODES_FAILED', `${counted(failed.length, 'node')} did not finish: ${names}`)
  }
  if (stopped || finishedHonest > 0) return
  const left =
    unfinished.length === 0
      ? 'faults removed them all'
      : `${unfinished.join(', ')} had no neighbour left to continue with, and faults removed the others`
  throw new LabError('E_NODES_FAILED', `none of ${counted(honestNodes, 'honest node')} finished: ${left}`)
}

/** Throws unless every ledger that was written is valid and every node that was planned has one. */
export function requireValidLedgers(score: RunScore, plan: RunPlan): void {
  const first = score.ledgers.bad[0]
  if (first !== undefined) {
    throw new LabError(
      'E_LEDGER_INVALID',
      `${first.node}: ${first.entry < 0 ? 'header or manifest' : `entry ${first.entry + 1}`}: ${first.code}: ${first.message}`,
    )
  }
  if (score.ledgers.checked < plan.nodes.length) {
    throw new LabError(
      'E_LEDGER_INVALID',
      `only ${score.ledgers.checked} of ${counted(plan.nodes.length, 'node')} left a ledger`,
    )
  }
}
