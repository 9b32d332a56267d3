import { temperedVersion } from '@tempered/lab/versions'
import { type NodeEvents, type NodeStatus, type Notice, PHASES } from '@tempered/node'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { DiskUse } from './disk-use.js'
import { createLabelSet } from './label-set.js'
import { type IdleFor, unreadiness } from './readiness.js'

export interface NodeMetrics {
  /** Counts what happens. */
  readonly events: Pick<NodeEvents, 'onRound' | 'onNotice' | 'onRefused'>
  /** For libp2p's own collector. */
  readonly registry: Registry
  /** In the text format of Prometheus. */
  render(): Promise<string>
  readonly contentType: string
}

export interface NodeMetricsSource {
  /** Undefined before the node is opened. */
  status(): NodeStatus | undefined
  /** Of a process that serves jobs, while it has no node. */
  waitsFor?(): IdleFor | undefined
  disk(): Promise<DiskUse>
}

/** Seconds of a phase or of a round: from a small model on one machine to hours. */
const ROUND_BUCKETS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 900, 3600]
/** Distinct values of a label. */
const MOST_REASONS = 48
const MOST_CODES = 16

/**
 * The metrics of one node, which docs/operating.md lists. Labels are bounded: there are no peer ids and no free text.
 * Gauges read the node when they are scraped; what happened in between is counted from its events.
 */
export function createNodeMetrics(source: NodeMetricsSource): NodeMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  addGauges(registry, source)
  const events = countEvents(registry)
  let running: Promise<string> | undefined
  return {
    events,
    registry,
    contentType: registry.contentType,
    // Scrapes at the same time share one.
    render() {
      running ??= registry.metrics().finally(() => {
        running = undefined
      })
      return running
    },
  }
}

function countEvents(registry: Registry): NodeMetrics['events'] {
  const registers = [registry]
  const roundsClosed = new Counter({
    ...{ name: 'tempered_rounds_closed_total', registers },
    help: 'Rounds that this process has closed.',
  })
  const phaseSeconds = new Histogram({
    ...{ name: 'tempered_round_phase_seconds', registers, buckets: ROUND_BUCKETS },
    help: 'Duration of each phase of a round.',
    labelNames: ['phase'],
  })
  const roundSeconds = new Histogram({
    ...{ name: 'tempered_round_seconds', registers, buckets: ROUND_BUCKETS },
    help: 'Duration of a round: the sum of its phases.',
  })
  const models = new Counter({
    ...{ name: 'tempered_models_total', registers },
    help: "Neighbours' models by outcome (accepted, rejected, absent) and reason.",
    labelNames: ['outcome', 'reason'],
  })
  const notices = new Counter({
    ...{ name: 'tempered_notices_total', registers },
    help: 'Notices about the course of the rounds, by kind.',
    labelNames: ['kind'],
  })
  const refused = new Counter({
    ...{ name: 'tempered_refused_peers_total', registers },
    help: 'Peers that were not admitted, or did not admit this node, by code.',
    labelNames: ['code'],
  })
  const lastRound = new Gauge({
    ...{ name: 'tempered_last_round_timestamp_seconds', registers },
    help: 'When this process closed its last round, in seconds since 1970.',
  })
  const trainingLoss = new Gauge({
    ...{ name: 'tempered_training_loss', registers },
    help: 'Training loss of the last round that this process trained in.',
  })
  const testLoss = new Gauge({
    ...{ name: 'tempered_test_loss', registers },
    help: 'Loss on the test samples after the last round that was evaluated.',
  })
  const testMetric = new Gauge({
    ...{ name: 'tempered_test_metric', registers },
    help: "The task's metric on the test samples after the last round that was evaluated.",
  })
  // They have no value before the first, rather than 0.
  for (const gauge of [trainingLoss, testLoss, testMetric, lastRound]) gauge.remove()
  // A rate of what has not happened yet is 0, rather than no data.
  for (const kind of NOTICE_KINDS) notices.inc({ kind }, 0)
  for (const code of REFUSAL_CODES) refused.inc({ code }, 0)
  const reasonOf = createLabelSet(MOST_REASONS)
  const codeOf = createLabelSet(MOST_CODES)
  return {
    onRound({ phaseMs, neighbours, ...report }) {
      roundsClosed.inc()
      if (report.trainingLoss !== null) trainingLoss.set(report.trainingLoss)
      if (report.testLoss !== null) testLoss.set(report.testLoss)
      if (report.testMetric !== null) testMetric.set(report.testMetric)
      lastRound.setToCurrentTime()
      let totalMs = 0
      for (const [phase, ms] of Object.entries(phaseMs)) {
        phaseSeconds.observe({ phase }, ms / 1000)
        totalMs += ms
      }
      roundSeconds.observe(totalMs / 1000)
      for (const { arrival, accepted, reason } of neighbours) {
        const outcome = arrival === null ? 'absent' : accepted ? 'accepted' : 'rejected'
        models.inc({ outcome, reason: reasonOf(reason) })
      }
    },
    onNotice: ({ kind }) => notices.inc({ kind }),
    onRefused: (_peer, code) => refused.inc({ code: codeOf(code) }),
  }
}

const NOTICE_KINDS = Object.keys({
  alone: true,
  reunited: true,
  'given-up': true,
  'trusted-again': true,
  isolated: true,
  unfit: true,
  'high-loss': true,
  'no-agreement': true,
  apart: true,
  unsettled: true,
  shortened: true,
  'no-sum': true,
  jumped: true,
} satisfies Record<Notice['kind'], true>)

/** Codes with which nodes refuse one another (admission.ts of @tempered/node). */
const REFUSAL_CODES = ['E_WRONG_RUN', 'E_NOT_A_MEMBER', 'E_UNSUPPORTED_VERSION', 'E_KEY']

/** A gauge that is read when it is scraped; it has no value while there is none. */
type Read<T> = (from: T) => number | null

const GAUGES: Readonly<Record<string, { readonly help: string; readonly read: Read<NodeStatus> }>> = {
  tempered_start_time_seconds: {
    help: 'When the node was opened, in seconds since 1970.',
    read: (status) => status.startedMs / 1000,
  },
  tempered_round: {
    help: 'The round being worked on, from 1.',
    read: (status) => Math.min(status.round + 1, status.rounds),
  },
  tempered_run_rounds: { help: 'Rounds of the run.', read: (status) => status.rounds },
  tempered_run_members: { help: 'Members of the run.', read: (status) => status.members },
  tempered_phase_age_seconds: {
    help: 'Time in the current phase.',
    read: (status) => status.phaseMs / 1000,
  },
  tempered_ledger_entries: { help: "Entries of this node's ledger.", read: (status) => status.ledger.length },
  tempered_ledger_final_entries: {
    help: 'Entries that more than two thirds of the members have signed.',
    read: (status) => (status.ledger.finalHeight ?? -1) + 1,
  },
  tempered_stranger_connections: {
    help: 'Connections with peers that are not members.',
    read: (status) => status.guard?.strangers ?? null,
  },
  tempered_half_open_connections: {
    help: 'Inbound connections that have not finished their handshake.',
    read: (status) => status.guard?.halfOpen ?? null,
  },
  tempered_unread_bytes: {
    help: 'Received bytes that nobody has read yet.',
    read: (status) => status.guard?.unreadBytes ?? null,
  },
  tempered_banned_members: {
    help: 'Members that are kept away for a while because they broke the protocol.',
    read: (status) => status.guard?.bans.length ?? null,
  },
  tempered_quarantined_members: {
    help: 'Members quarantined because there is proof against them.',
    read: (status) => status.quarantined.length,
  },
}

const DISK_GAUGES: Readonly<Record<string, { readonly help: string; readonly read: Read<DiskUse> }>> = {
  tempered_state_bytes: { help: 'Bytes of the state folder.', read: (disk) => disk.stateBytes },
  tempered_disk_free_bytes: {
    help: "Free bytes on the state folder's file system.",
    read: (disk) => disk.freeBytes,
  },
}

function addGauges(registry: Registry, { status, waitsFor, disk }: NodeMetricsSource): void {
  const registers = [registry]
  addGauge(registry, 'tempered_ready', '1 while the node takes part in its run, as /readyz says.', () =>
    unreadiness(status(), waitsFor?.()).length === 0 ? 1 : 0,
  )
  for (const [name, { help, read }] of Object.entries(GAUGES))
    addGauge(registry, name, help, () => {
      const now = status()
      return now === undefined ? null : read(now)
    })
  for (const [name, { help, read }] of Object.entries(DISK_GAUGES))
    addGauge(registry, name, help, async () => read(await disk()))
  new Counter({
    ...{ name: 'tempered_rejects_total', registers, labelNames: ['kind', 'code'] as const },
    help: 'Messages, requests and connections that were dropped or closed, by what they were and why.',
    collect() {
      this.reset()
      for (const { kind, code, count } of status()?.guard?.rejects ?? []) this.inc({ kind, code }, count)
    },
  })
  new Gauge({
    ...{ name: 'tempered_info', registers, labelNames: ['version', 'run'] as const },
    help: 'Always 1; the labels name the version and the run.',
    collect() {
      const now = status()
      this.reset()
      if (now !== undefined) this.set({ version: temperedVersion(), run: now.run }, 1)
    },
  })
  new Gauge({
    ...{ name: 'tempered_phase', registers, labelNames: ['phase'] as const },
    help: '1 for the phase in which the node is, 0 for the others.',
    collect() {
      const now = status()
      if (now !== undefined) for (const phase of PHASES) this.set({ phase }, now.phase === phase ? 1 : 0)
    },
  })
  new Gauge({
    ...{ name: 'tempered_neighbours', registers, labelNames: ['state'] as const },
    help: 'Neighbours by state; one neighbour may be in several.',
    collect() {
      const now = status()
      for (const [state, count] of Object.entries(neighbourCounts(now))) this.set({ state }, count)
    },
  })
  new Gauge({
    ...{ name: 'tempered_connections', registers, labelNames: ['direction', 'admitted'] as const },
    help: 'Open connections, by who dialled and whether the peer is admitted.',
    collect() {
      const connections = status()?.connections ?? []
      for (const direction of ['inbound', 'outbound'] as const)
        for (const admitted of [true, false])
          this.set(
            { direction, admitted: String(admitted) },
            connections.filter((one) => one.direction === direction && one.isAdmitted === admitted).length,
          )
    },
  })
  new Counter({
    ...{ name: 'tempered_wire_bytes_total', registers, labelNames: ['direction'] as const },
    help: 'Bytes on the wire, all protocols and encryption included.',
    collect() {
      const wire = status()?.wire ?? { received: 0, sent: 0 }
      this.reset()
      this.inc({ direction: 'received' }, wire.received)
      this.inc({ direction: 'sent' }, wire.sent)
    },
  })
}

function addGauge(
  registry: Registry,
  name: string,
  help: string,
  read: () => number | null | Promise<number | null>,
): void {
  new Gauge({
    ...{ name, help, registers: [registry] },
    async collect() {
      const value = await read()
      if (value === null) this.remove()
      else this.set(value)
    },
  })
}

function neighbourCounts(status: NodeStatus | undefined): Record<string, number> {
  const all = status?.neighbours ?? []
  const count = (holds: (one: (typeof all)[number]) => boolean): number => all.filter(holds).length
  return {
    all: all.length,
    up: count((one) => one.isUp),
    admitted: count((one) => one.isAdmitted),
    awaited: count((one) => one.waitedFor !== null),
    given_up: count((one) => one.owed > 0),
    quarantined: count((one) => one.isQuarantined),
  }
}
