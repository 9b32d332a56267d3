import type { FaultHappened } from '@tempered/lab/events'
import { metricText, taskFactsOf } from '@tempered/lab/measures'
import type { RecordedRun } from '@tempered/lab/run'
import { bytes, decimal } from '@tempered/lab/text'
import { judgedModels, type RoundReport } from '@tempered/node'
import type { PrivacyRecord } from '@tempered/protocol'
import { epsilonText } from './epsilon-text.js'
import { eventText, titleOf } from './event-text.js'
import type { Progress } from './progress.js'
import { createStartSteps, type StartSteps } from './start-steps.js'

/** A line for every round that all nodes of a run have finished, and for other events. */
export function createRoundLines(stream: NodeJS.WriteStream): Progress {
  const watched = new Map<
    RecordedRun,
    { printed: number; absent: Set<number>; behind: number | undefined; steps: StartSteps }
  >()
  const stateOf = (run: RecordedRun) => {
    const joining = run.plan.scenario.faults.flatMap((fault) => fault.join ?? [])
    const state = watched.get(run) ?? {
      printed: 0,
      absent: new Set(joining),
      behind: undefined,
      steps: createStartSteps(run),
    }
    watched.set(run, state)
    return state
  }
  return {
    watch() {},
    event(run, event, elapsedMs, about) {
      const text = eventText(run, event)
      if (text !== undefined) stream.write(`${text}\n`)
      const state = stateOf(run)
      const step = state.steps.note(event)
      if (step !== undefined)
        stream.write(`${secondsText(elapsedMs)}  ${titleOf(run, about)}  ${STEP_TEXTS[step]}\n`)
      if (event.type === 'fault') noteAbsence(event.action, state.absent)
      if (event.type !== 'round') return
      // A round is over when all present nodes have finished it, or a later one.
      const { nodes } = run.plan
      const finished = (index: number): number => (run.records[index]!.rounds.at(-1)?.report.round ?? -1) + 1
      const isBehind = (index: number): boolean =>
        !state.absent.has(index) && finished(index) <= state.printed
      // With thousands of nodes, check first the node that was behind: usually it still is.
      if (state.behind !== undefined && isBehind(state.behind)) return
      const present = nodes.filter(({ index }) => !state.absent.has(index))
      const over = Math.min(
        run.plan.run.manifest.training.rounds,
        ...present.map(({ index }) => finished(index)),
      )
      for (; state.printed < over; state.printed++)
        stream.write(`${roundLine(run, titleOf(run, about), state.printed, elapsedMs)}\n`)
      state.behind = nodes.find(({ index }) => isBehind(index))?.index
    },
    note: (text) => void stream.write(`${text}\n`),
    close() {},
  }
}

function noteAbsence(action: FaultHappened['action'], absent: Set<number>): void {
  if (action.type === 'kill' || action.type === 'leave') absent.add(action.node)
  else if (action.type === 'restart' || action.type === 'join') absent.delete(action.node)
}

const STEP_TEXTS = {
  started: 'all nodes have started',
  trained: 'all nodes have trained their first model',
} as const

function secondsText(elapsedMs: number): string {
  return `${(elapsedMs / 1000).toFixed(1).padStart(6)} s`
}

function roundLine(run: RecordedRun, title: string, round: number, elapsedMs: number): string {
  const { plan, records } = run
  const reports = plan.nodes
    .filter((node) => node.attack === undefined)
    .flatMap((node) => records[node.index]!.rounds.filter((entry) => entry.report.round === round))
    .map((entry) => entry.report)
  const values = reports.map((report) => report.testMetric).filter((value) => value !== null)
  const losses = reports.map((report) => report.trainingLoss).filter((value) => value !== null)
  const arrived = reports.flatMap((report) => judgedModels(report).filter(({ arrived: there }) => there))
  const accepted = arrived.filter((neighbour) => neighbour.accepted).length
  const traffic = reports.reduce((sum, report) => sum + report.bytesReceived + report.bytesSent, 0)
  const mean = (values: number[]): number | null =>
    values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
  const { metric } = taskFactsOf(plan.run.manifest.task)
  const worst =
    values.length === 0 ? null : metric.better === 'higher' ? Math.min(...values) : Math.max(...values)
  return [
    secondsText(elapsedMs),
    title,
    `round ${round + 1}/${plan.run.manifest.training.rounds}`,
    `loss ${decimal(mean(losses))}`,
    `${metric.label} worst ${metricText(metric, worst)} mean ${metricText(metric, mean(values))}`,
    ...epsilonText(mostSpent(reports)),
    `accepted ${accepted} rejected ${arrived.length - accepted}`,
    bytes(traffic),
  ].join('  ')
}

/** Of the node that has spent most. */
function mostSpent(reports: readonly Pick<RoundReport, 'differentialPrivacy'>[]): PrivacyRecord | undefined {
  const records = reports.flatMap(({ differentialPrivacy }) => differentialPrivacy ?? [])
  return records.toSorted((one, other) => other.epsilon - one.epsilon)[0]
}
