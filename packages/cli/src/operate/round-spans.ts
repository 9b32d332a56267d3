import {
  type Attributes,
  type HrTime,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { type Clock, judgedModels, type NodeEvents, type RoundReport } from '@tempered/node'

/** Turns what a node does in a round into spans: one for the round, and in it one per phase and per model that is fetched. */
export interface RoundSpans {
  readonly events: NodeEvents
  /** Spans of rounds that are not over are given out as far as they are known. */
  close(): void
}

/** A span of a round or in it. Times are on the monotonic clock. */
interface Stretch {
  readonly beganMs: number
  endedMs: number | undefined
}

interface Fetch extends Stretch {
  code: string | undefined
}

interface Phase extends Stretch {
  readonly name: string
}

interface Happening {
  readonly atMs: number
  readonly name: string
  readonly attributes: Attributes
}

interface OpenRound {
  readonly phases: Phase[]
  /** By peer. A model of the next round may be fetched before this node is there. */
  readonly fetches: Map<string, Fetch>
  readonly happenings: Happening[]
}

export interface RoundSpansInit {
  readonly clock: Clock
  /** Gives a tracer whose next span without a parent begins, or continues, the trace of this round. */
  tracerOf(round: number): Tracer
  /** Attributes of every span of a round. */
  attributes(): Attributes
}

/** Most happenings that are kept of a round. */
const MOST_HAPPENINGS = 128

export function createRoundSpans({ clock, tracerOf, attributes }: RoundSpansInit): RoundSpans {
  const open = new Map<number, OpenRound>()
  let current: number | undefined

  const recordOf = (round: number): OpenRound => {
    const record = open.get(round) ?? { phases: [], fetches: new Map(), happenings: [] }
    open.set(round, record)
    return record
  }

  const endPhase = (round: number): void => {
    const last = open.get(round)?.phases.at(-1)
    if (last !== undefined) last.endedMs ??= clock.monotonicMs()
  }

  const note = (name: string, more: Attributes): void => {
    const happenings = current === undefined ? undefined : open.get(current)?.happenings
    if (happenings === undefined || happenings.length >= MOST_HAPPENINGS) return
    happenings.push({ name, atMs: clock.monotonicMs(), attributes: more })
  }

  /** Gives out a round of which this node has done anything. */
  const emit = (round: number, report: RoundReport | undefined): void => {
    const record = open.get(round)
    open.delete(round)
    if (record === undefined || record.phases.length === 0) return
    const nowMs = clock.monotonicMs()
    const offsetMs = clock.wallMs() - nowMs
    const time = (ms: number): HrTime => toHrTime(ms + offsetMs)
    const tracer = tracerOf(round)
    const common = { ...attributes(), 'tempered.round': round + 1 }
    const root = tracer.startSpan(
      `round ${round + 1}`,
      {
        startTime: time(record.phases[0]!.beganMs),
        attributes: { ...common, 'tempered.finished': report !== undefined, ...outcome(report) },
      },
      ROOT_CONTEXT,
    )
    const inRound = trace.setSpan(ROOT_CONTEXT, root)
    for (const { name, beganMs, endedMs } of record.phases)
      tracer
        .startSpan(name, { startTime: time(beganMs), attributes: common }, inRound)
        .end(time(endedMs ?? nowMs))
    for (const [peer, { beganMs, endedMs, code }] of record.fetches) {
      const span = tracer.startSpan(
        'fetch',
        {
          kind: SpanKind.CLIENT,
          startTime: time(beganMs),
          attributes: { ...common, 'tempered.peer': peer, 'tempered.cut': endedMs === undefined },
        },
        inRound,
      )
      if (code !== undefined) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: code })
        span.setAttribute('error.type', code)
      }
      span.end(time(endedMs ?? nowMs))
    }
    for (const { name, atMs, attributes: more } of record.happenings) root.addEvent(name, more, time(atMs))
    root.end(time(nowMs))
  }

  return {
    events: {
      onPhase(round, phase) {
        endPhase(round)
        if (phase === null) return
        current = round
        recordOf(round).phases.push({ name: phase, beganMs: clock.monotonicMs(), endedMs: undefined })
      },
      onFetching(round, peer) {
        recordOf(round).fetches.set(peer, {
          beganMs: clock.monotonicMs(),
          endedMs: undefined,
          code: undefined,
        })
      },
      onFetched(round, peer, code) {
        const fetch = open.get(round)?.fetches.get(peer)
        if (fetch === undefined) return
        fetch.endedMs = clock.monotonicMs()
        fetch.code = code
      },
      onRound(report) {
        // Rounds that this node has left without closing them.
        for (const round of [...open.keys()]) if (round < report.round) emit(round, undefined)
        emit(report.round, report)
      },
      onNotice: ({ kind }) => note(kind, {}),
      onQuarantine: (peer, _round, kind) =>
        note('quarantine', { 'tempered.peer': peer, 'tempered.evidence': kind }),
      onRefused: (peer, code) => note('refused', { 'tempered.peer': peer, 'error.type': code }),
    },
    close() {
      for (const round of [...open.keys()]) emit(round, undefined)
    },
  }
}

/** What came of a round, as attributes of its span. */
function outcome(report: RoundReport | undefined): Attributes {
  if (report === undefined) return {}
  const judged = judgedModels(report)
  const arrived = judged.filter(({ arrived: there }) => there).length
  const accepted = judged.filter((model) => model.arrived && model.accepted).length
  return {
    'tempered.accepted': accepted,
    'tempered.rejected': arrived - accepted,
    'tempered.absent': judged.length - arrived,
    'tempered.bytes_received': report.bytesReceived,
    'tempered.bytes_sent': report.bytesSent,
    'tempered.entry': report.entryCid,
    ...(report.trainingLoss === null ? {} : { 'tempered.training_loss': report.trainingLoss }),
    ...(report.testMetric === null ? {} : { 'tempered.test_metric': report.testMetric }),
  }
}

/** Seconds and nanoseconds since 1970. */
function toHrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - 1000 * seconds) * 1e6)]
}
