import { counted } from '@tempered/errors'
import { metricText, taskFactsOf } from '@tempered/lab/measures'
import type { RecordedRun } from '@tempered/lab/run'
import { bytes, decimal } from '@tempered/lab/text'
import { judgedModels, systemClock } from '@tempered/node'
import { createLogUpdate } from 'log-update'
import pc from 'picocolors'
import { eventText, titleOf } from './event-text.js'
import type { Progress } from './progress.js'
import { createStartSteps, type StartSteps } from './start-steps.js'
import { table } from './table.js'

const REDRAW_MS = 150
/** While nothing but the time changes. */
const WAITING_MS = 1000

/** A table per run, redrawn as its nodes report; other events stay above it. */
export function createLiveTable(stream: NodeJS.WriteStream): Progress {
  const update = createLogUpdate(stream)
  const runs = new Map<RecordedRun, string>()
  const starts = new Map<RecordedRun, { readonly steps: StartSteps; readonly begunMs: number }>()
  let timer: NodeJS.Timeout | undefined
  let closed = false
  const draw = (): void => {
    timer = undefined
    const rows = rowsOf(stream.rows, runs.size)
    const startText = (run: RecordedRun): string | undefined => {
      const start = starts.get(run)
      if (start === undefined || start.steps.over) return undefined
      return `${start.steps.text()} (${((systemClock.monotonicMs() - start.begunMs) / 1000).toFixed(0)} s)`
    }
    update([...runs].map(([run, title]) => renderRun(run, title, rows, startText(run))).join('\n\n'))
    // Until the first round ends, the seconds go on.
    if (!closed && [...runs.keys()].some((run) => startText(run) !== undefined))
      timer = setTimeout(draw, WAITING_MS)
  }
  const add = (run: RecordedRun, title: string): void => {
    runs.set(run, title)
    if (!starts.has(run))
      starts.set(run, { steps: createStartSteps(run), begunMs: systemClock.monotonicMs() })
  }
  return {
    watch(...added) {
      for (const run of added) add(run, titleOf(run))
    },
    event(run, event, _elapsedMs, about) {
      add(run, titleOf(run, about))
      starts.get(run)!.steps.note(event)
      const text = eventText(run, event)
      if (text !== undefined) {
        update.clear()
        stream.write(`${text}\n`)
      }
      timer ??= setTimeout(draw, REDRAW_MS)
    },
    note(text) {
      update.clear()
      stream.write(`${text}\n`)
      if (runs.size > 0) timer ??= setTimeout(draw, REDRAW_MS)
    },
    close() {
      closed = true
      clearTimeout(timer)
      timer = undefined
      if (runs.size > 0) draw()
      update.done()
    },
  }
}

/** For a large cluster the first rows are shown and the rest is summed up. */
const MAX_ROWS = 12
const MIN_ROWS = 3
/** Title, header, summary line, and the blank line between two runs. */
const OTHER_LINES = 4

/** Rows per run that fit into a terminal with `lines` lines; always at least a few. */
export function rowsOf(lines: number | undefined, runs: number): number {
  const room = Math.floor((lines || 24) / Math.max(1, runs)) - OTHER_LINES
  return Math.max(MIN_ROWS, Math.min(MAX_ROWS, room))
}

function renderRun(run: RecordedRun, title: string, maxRows: number, startText: string | undefined): string {
  const { plan, records } = run
  const { rounds } = plan.run.manifest.training
  const { metric } = taskFactsOf(plan.run.manifest.task)
  const done = records.reduce((sum, record) => sum + record.rounds.length, 0)
  const total = rounds * plan.nodes.length
  // Runs with differential privacy publish no loss on own samples.
  const spends = plan.run.manifest.differentialPrivacy !== undefined
  const header = [
    'node',
    'role',
    'round',
    spends ? 'epsilon' : 'loss',
    metric.label,
    'accepted',
    'rejected',
    'in+out',
  ]
  const rows = plan.nodes.slice(0, maxRows).map((node) => {
    const report = records[node.index]?.rounds.at(-1)?.report
    const role = node.attack === undefined ? 'honest' : pc.red(node.attack.name)
    if (report === undefined) return [node.name, role, '–', '–', '–', '–', '–', '–']
    const arrived = judgedModels(report).filter(({ arrived: there }) => there)
    const accepted = arrived.filter((neighbour) => neighbour.accepted).length
    const rejected = arrived.length - accepted
    return [
      node.name,
      role,
      `${report.round + 1}/${rounds}`,
      spends ? (report.differentialPrivacy?.epsilon.toPrecision(4) ?? '–') : decimal(report.trainingLoss),
      metricText(metric, lastMetric(run, node.index)),
      String(accepted),
      rejected > 0 ? pc.yellow(String(rejected)) : '0',
      bytes(report.bytesReceived + report.bytesSent),
    ]
  })
  const lines = table([header, ...rows], new Set([2, 3, 4, 5, 6, 7]))
  if (plan.nodes.length > maxRows)
    lines.push(pc.dim(`… and ${counted(plan.nodes.length - maxRows, 'more node')}`))
  const head = `${pc.bold(title)}  ${pc.dim(bar(done / total))} ${startText ?? `${done}/${total} node rounds`}`
  return [head, ...lines.map((line, k) => (k === 0 ? pc.dim(line) : line))].join('\n')
}

function bar(share: number): string {
  const filled = Math.round(share * 24)
  return '█'.repeat(filled) + '░'.repeat(24 - filled)
}

/** The most recent value; not every round is evaluated. */
function lastMetric(run: RecordedRun, index: number): number | null {
  const { rounds } = run.records[index]!
  return rounds.findLast((round) => round.report.testMetric !== null)?.report.testMetric ?? null
}
