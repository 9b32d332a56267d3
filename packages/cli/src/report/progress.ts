import type { EvidenceKind } from '@tempered/protocol'
import { createLogUpdate } from 'log-update'
import pc from 'picocolors'
import type { ClusterEvent } from '../cluster/cluster.js'
import type { ClusterRun } from '../run/cluster-run.js'
import { faultText, stopText } from './fault-text.js'
import { bytes, decimal, percent } from './format.js'
import { ruleText } from './rule-text.js'
import { table } from './table.js'

/** What evidence of each kind shows. */
const MISDEEDS: Readonly<Record<EvidenceKind, string>> = {
  'announcement-equivocation': 'two models',
  'forked-ledger': 'two ledgers',
  'entry-equivocation': 'two entries of one height',
  'invalid-model': 'no model where one was announced',
  'wrong-aggregate': 'an aggregate that its rule does not give',
}

/**
 * Live progress of one or more cluster runs, on stderr: a table when people look on (stdout and stderr are a
 * terminal), otherwise one line a round.
 */
export interface Progress {
  /** Runs in the order in which they are to be shown. */
  watch(...runs: readonly ClusterRun[]): void
  /** To be called for every event of a run; `about` says which one it is, where its rule does not. */
  event(run: ClusterRun, event: ClusterEvent, elapsedMs: number, about?: string): void
  /** A line that stays. */
  note(text: string): void
  /** Leaves the last table standing. */
  close(): void
}

export function createProgress(stream: NodeJS.WriteStream, output: NodeJS.WriteStream): Progress {
  return stream.isTTY && output.isTTY ? createLiveTable(stream) : createRoundLines(stream)
}

const REDRAW_MS = 150

function createLiveTable(stream: NodeJS.WriteStream): Progress {
  const update = createLogUpdate(stream)
  const runs = new Map<ClusterRun, string>()
  let timer: NodeJS.Timeout | undefined
  const draw = (): void => {
    timer = undefined
    const rows = rowsOf(stream.rows, runs.size)
    update([...runs].map(([run, title]) => renderRun(run, title, rows)).join('\n\n'))
  }
  return {
    watch: (...added) => added.forEach((run) => void runs.set(run, titleOf(run))),
    event(run, event, _elapsedMs, about) {
      runs.set(run, titleOf(run, about))
      const text = describe(run, event)
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
      clearTimeout(timer)
      timer = undefined
      if (runs.size > 0) draw()
      update.done()
    },
  }
}

/** Of a large cluster the first rows are shown, the rest is summed up. */
const MAX_ROWS = 12
const MIN_ROWS = 3
/** Title, header, the line that sums up, and the one between two runs. */
const OTHER_LINES = 4

/** Rows of each run's table that a terminal with so many lines has room for, if only a few. */
export function rowsOf(lines: number | undefined, runs: number): number {
  const room = Math.floor((lines || 24) / Math.max(1, runs)) - OTHER_LINES
  return Math.max(MIN_ROWS, Math.min(MAX_ROWS, room))
}

function titleOf(run: ClusterRun, about?: string): string {
  const rule = ruleText(run.plan.run.manifest.rule)
  return about === undefined ? rule : `${about}  ${rule}`
}

function renderRun(run: ClusterRun, title: string, maxRows: number): string {
  const { plan, records } = run
  const { rounds } = plan.run.manifest.training
  const done = records.reduce((sum, record) => sum + record.rounds.length, 0)
  const total = rounds * plan.nodes.length
  const header = ['node', 'role', 'round', 'loss', 'accuracy', 'accepted', 'rejected', 'in+out']
  const rows = plan.nodes.slice(0, maxRows).map((node) => {
    const report = records[node.index]?.rounds.at(-1)?.report
    const role = node.attack === undefined ? 'honest' : pc.red(node.attack.name)
    if (report === undefined) return [node.name, role, '–', '–', '–', '–', '–', '–']
    const arrived = report.neighbours.filter((neighbour) => neighbour.arrival !== null)
    const accepted = arrived.filter((neighbour) => neighbour.accepted).length
    const rejected = arrived.length - accepted
    return [
      node.name,
      role,
      `${report.round + 1}/${rounds}`,
      decimal(report.trainingLoss),
      percent(lastAccuracy(run, node.index)),
      String(accepted),
      rejected > 0 ? pc.yellow(String(rejected)) : '0',
      bytes(report.bytesReceived + report.bytesSent),
    ]
  })
  const lines = table([header, ...rows], new Set([2, 3, 4, 5, 6, 7]))
  if (plan.nodes.length > maxRows) lines.push(pc.dim(`… and ${plan.nodes.length - maxRows} more nodes`))
  const head = `${pc.bold(title)}  ${pc.dim(bar(done / total))} ${done}/${total} node rounds`
  return [head, ...lines.map((line, k) => (k === 0 ? pc.dim(line) : line))].join('\n')
}

function bar(share: number): string {
  const filled = Math.round(share * 24)
  return '█'.repeat(filled) + '░'.repeat(24 - filled)
}

/** The newest accuracy that was measured; not every round is evaluated. */
function lastAccuracy(run: ClusterRun, index: number): number | null {
  const { rounds } = run.records[index]!
  return rounds.findLast((round) => round.report.testAccuracy !== null)?.report.testAccuracy ?? null
}

function createRoundLines(stream: NodeJS.WriteStream): Progress {
  const watched = new Map<ClusterRun, { told: number; absent: Set<number>; behind: number | undefined }>()
  const stateOf = (run: ClusterRun) => {
    const joining = run.plan.scenario.faults.flatMap((fault) => fault.join ?? [])
    const state = watched.get(run) ?? { told: 0, absent: new Set(joining), behind: undefined }
    watched.set(run, state)
    return state
  }
  return {
    watch() {},
    event(run, event, elapsedMs, about) {
      const text = describe(run, event)
      if (text !== undefined) stream.write(`${text}\n`)
      const state = stateOf(run)
      if (event.type === 'fault' && 'node' in event.action) {
        const { type, node } = event.action
        if (type === 'kill' || type === 'leave') state.absent.add(node)
        else if (type === 'restart' || type === 'join') state.absent.delete(node)
      }
      if (event.type !== 'round') return
      // A round is over when all nodes that are there have finished it, or a later one.
      const { nodes } = run.plan
      const finished = (index: number): number => (run.records[index]!.rounds.at(-1)?.report.round ?? -1) + 1
      const isBehind = (index: number): boolean => !state.absent.has(index) && finished(index) <= state.told
      // Of thousands of nodes, the one that was behind is asked first: mostly it still is.
      if (state.behind !== undefined && isBehind(state.behind)) return
      const present = nodes.filter(({ index }) => !state.absent.has(index))
      const over = Math.min(
        run.plan.run.manifest.training.rounds,
        ...present.map(({ index }) => finished(index)),
      )
      for (; state.told < over; state.told++)
        stream.write(`${roundLine(run, titleOf(run, about), state.told, elapsedMs)}\n`)
      state.behind = nodes.find(({ index }) => isBehind(index))?.index
    },
    note: (text) => void stream.write(`${text}\n`),
    close() {},
  }
}

function roundLine(run: ClusterRun, title: string, round: number, elapsedMs: number): string {
  const { plan, records } = run
  const reports = plan.nodes
    .filter((node) => node.attack === undefined)
    .flatMap((node) => records[node.index]!.rounds.filter((entry) => entry.report.round === round))
    .map((entry) => entry.report)
  const accuracies = reports.map((report) => report.testAccuracy).filter((value) => value !== null)
  const losses = reports.map((report) => report.trainingLoss).filter((value) => value !== null)
  const arrived = reports.flatMap((report) =>
    report.neighbours.filter((neighbour) => neighbour.arrival !== null),
  )
  const accepted = arrived.filter((neighbour) => neighbour.accepted).length
  const traffic = reports.reduce((sum, report) => sum + report.bytesReceived + report.bytesSent, 0)
  const mean = (values: number[]): number | null =>
    values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
  const worst = accuracies.length === 0 ? null : Math.min(...accuracies)
  return [
    `${(elapsedMs / 1000).toFixed(1).padStart(6)} s`,
    title,
    `round ${round + 1}/${plan.run.manifest.training.rounds}`,
    `loss ${decimal(mean(losses))}`,
    `accuracy worst ${percent(worst)} mean ${percent(mean(accuracies))}`,
    `accepted ${accepted} rejected ${arrived.length - accepted}`,
    bytes(traffic),
  ].join('  ')
}

/** Events that deserve a line of their own. */
function describe(run: ClusterRun, event: ClusterEvent): string | undefined {
  const name = (index: number): string => run.plan.nodes[index]?.name ?? `node ${index}`
  switch (event.type) {
    case 'failed':
      return pc.red(`${name(event.index)} failed: ${event.code}: ${event.message}; the others go on`)
    case 'host-gone': {
      const how = event.signal ?? `exit code ${event.exitCode}`
      return pc.red(`process ${event.pid} ended (${how}) with ${event.nodes.join(', ')}; the others go on`)
    }
    case 'quarantine': {
      const offender = run.plan.nodes.find((node) => node.identity.signer.peerId === event.peer)
      return pc.yellow(
        `${name(event.index)} quarantines ${offender?.name ?? event.peer}: ${MISDEEDS[event.kind]} in round ${event.round + 1}`,
      )
    }
    case 'fault':
      return pc.magenta(`round ${event.action.at}: ${faultText(event.action, name)}`)
    case 'fault-skipped':
      return pc.yellow(
        `the run was over before round ${event.action.at} came to: ${faultText(event.action, name)}`,
      )
    case 'stopped':
      return stopText(event)
    default:
      return undefined
  }
}
