import { SpanStatusCode } from '@opentelemetry/api'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import type { RoundReport } from '@tempered/node'
import { describe, expect, it } from 'vitest'
import { createManualClock } from '../../../../node/test/support/manual-clock.js'
import { isCollectorAddress } from '../../../src/config/collector-address.js'
import { allEvents } from '../../../src/operate/all-events.js'
import { createRoundSpans } from '../../../src/operate/round-spans.js'
import { traceIdOf } from '../../../src/operate/round-traces.js'

const START_MS = 1_700_000_000_000

function setup() {
  const clock = createManualClock()
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const spans = createRoundSpans({
    clock,
    tracerOf: () => provider.getTracer('test'),
    attributes: () => ({ 'tempered.run': 'bafyrun', 'tempered.node': '12D3me' }),
  })
  const phase = (
    round: number,
    name: 'train' | 'publish' | 'collect' | 'ledger' | null,
    ms: number,
  ): void => {
    spans.events.onPhase?.(round, name)
    clock.advance(ms)
  }
  return { clock, spans, events: spans.events, phase, out: () => exporter.getFinishedSpans() }
}

const report = (round: number): RoundReport =>
  ({
    ...{ round, trainingLoss: 0.5, testLoss: null, testMetric: null },
    ...{ entryCid: 'bafyentry', bytesReceived: 100, bytesSent: 50 },
    neighbours: [
      { peer: 'a', arrival: 0, accepted: true, weight: 0.5 },
      { peer: 'b', arrival: null, accepted: false, weight: 0 },
    ],
  }) as unknown as RoundReport

const ms = ([seconds, nanoseconds]: readonly [number, number]): number =>
  1000 * seconds + nanoseconds / 1e6 - START_MS
const times = ({ name, startTime, endTime }: ReadableSpan) => [name, ms(startTime), ms(endTime)]

describe('the spans of a round', () => {
  it('are one for the round, and in it one per phase and per model, with what came of them', () => {
    const { clock, spans, events, phase, out } = setup()
    phase(0, 'train', 30)
    events.onFetching?.(0, 'a')
    events.onFetching?.(0, 'b')
    // Of a neighbour that is a round ahead.
    events.onFetching?.(1, 'a')
    phase(0, 'collect', 10)
    events.onFetched?.(0, 'a', undefined)
    events.onNotice?.({ kind: 'alone', round: 0 })
    phase(0, 'ledger', 5)
    phase(0, null, 0)
    expect(out()).toEqual([])
    events.onRound?.(report(0))
    const first = out().slice()
    expect(first.map(times)).toEqual([
      ['train', 0, 30],
      ['collect', 30, 40],
      ['ledger', 40, 45],
      ['fetch', 30, 40],
      ['fetch', 30, 45],
      ['round 1', 0, 45],
    ])
    const root = first.at(-1)!
    expect(root.parentSpanContext).toBeUndefined()
    for (const span of first.slice(0, -1))
      expect(span.parentSpanContext?.spanId).toBe(root.spanContext().spanId)
    expect(first.map(({ attributes }) => attributes['tempered.cut'])).toEqual([
      ...[undefined, undefined, undefined],
      ...[false, true, undefined],
    ])
    expect(root.attributes).toEqual({
      ...{ 'tempered.run': 'bafyrun', 'tempered.node': '12D3me', 'tempered.round': 1 },
      ...{ 'tempered.finished': true, 'tempered.accepted': 1, 'tempered.rejected': 0, 'tempered.absent': 1 },
      ...{ 'tempered.bytes_received': 100, 'tempered.bytes_sent': 50, 'tempered.entry': 'bafyentry' },
      'tempered.training_loss': 0.5,
    })
    expect(root.events.map(({ name, time }) => [name, ms(time)])).toEqual([['alone', 40]])

    phase(1, 'train', 20)
    events.onFetched?.(1, 'a', 'E_HASH_MISMATCH')
    clock.advance(1)
    events.onRound?.(report(1))
    const second = out().slice(first.length)
    expect(second.map(times)).toEqual([
      ['train', 45, 66],
      ['fetch', 30, 65],
      ['round 2', 45, 66],
    ])
    expect(second[1]!.status).toEqual({ code: SpanStatusCode.ERROR, message: 'E_HASH_MISMATCH' })
    spans.close()
    expect(out()).toHaveLength(first.length + second.length)
  })

  it('of rounds that were left or cut short by a stop are given out as unfinished', () => {
    const { spans, events, phase, out } = setup()
    phase(0, 'train', 10)
    // Fetched, but this node did nothing in that round.
    events.onFetching?.(2, 'a')
    phase(3, 'train', 10)
    events.onRound?.(report(3))
    phase(4, 'train', 10)
    spans.close()
    expect(
      out()
        .filter(({ name }) => name.startsWith('round'))
        .map((span) => [span.name, span.attributes['tempered.finished']]),
    ).toEqual([
      ['round 1', false],
      ['round 4', true],
      ['round 5', false],
    ])
    spans.close()
    expect(out().filter(({ name }) => name === 'round 5')).toHaveLength(1)
  })

  it('keep a bounded number of happenings', () => {
    const { events, phase, out } = setup()
    events.onRefused?.('before any round', 'E_WRONG_RUN', '')
    phase(0, 'train', 1)
    for (let k = 0; k < 1000; k++) events.onRefused?.(`stranger ${k}`, 'E_NOT_A_MEMBER', '')
    events.onRound?.(report(0))
    expect(out().at(-1)!.events).toHaveLength(128)
  })
})

describe('the trace of a round', () => {
  it('has an id that follows from the run and the round, the same on every node', () => {
    expect(traceIdOf('bafyrun', 0)).toMatch(/^[0-9a-f]{32}$/)
    expect(traceIdOf('bafyrun', 0)).toBe(traceIdOf('bafyrun', 0))
    expect(new Set([traceIdOf('bafyrun', 0), traceIdOf('bafyrun', 1), traceIdOf('other', 0)]).size).toBe(3)
  })

  it('goes to an address that OTLP can have', () => {
    for (const text of ['http://127.0.0.1:4318', 'https://otel.example.org/tenant-a', 'http://[::1]:4318/'])
      expect(isCollectorAddress(text), text).toBe(true)
    for (const text of [
      '',
      '4318',
      '127.0.0.1:4318',
      'grpc://a:4317',
      'http://a:4318/v1/traces',
      'http://a?b',
    ])
      expect(isCollectorAddress(text), text).toBe(false)
  })
})

describe('events that go to several', () => {
  it('reach each in turn', () => {
    const heard: string[] = []
    const all = allEvents(
      { onLeft: (round) => heard.push(`first ${round}`) },
      {},
      { onLeft: (round) => heard.push(`second ${round}`), onListening: () => heard.push('listening') },
    )
    all.onLeft?.(3)
    all.onListening?.([])
    expect(heard).toEqual(['first 3', 'second 3', 'listening'])
    expect(all.onRound).toBeUndefined()
  })
})
