import { createHash } from 'node:crypto'
import type { Tracer } from '@opentelemetry/api'
import { ExportResultCode } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  RandomIdGenerator,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base'
import { temperedVersion } from '@tempered/lab/versions'
import { type Clock, createQuietLog, type Logger, type NodeEvents, sleep } from '@tempered/node'
import { createRoundSpans } from './round-spans.js'

/** Traces of the rounds of a node, sent to a collector of OpenTelemetry. */
export interface RoundTraces {
  /** To be passed to the node. */
  readonly events: NodeEvents
  /** The node is gone: spans of rounds that it has not closed are given out as far as they are known. */
  endRounds(): void
  /** Sends what is left, for a few seconds at most. */
  close(): Promise<void>
}

export interface RoundTracesInit {
  /** Where the collector takes OTLP over HTTP: its address, without `/v1/traces`. */
  readonly collector: string
  /** Name of the node among those of this service. */
  readonly node: string
  readonly clock: Clock
  readonly logger: Logger
  /** Read when spans are made: a node keeps its run, but may get another key. */
  place(): { readonly run: string; readonly peer: string }
}

/** A collector that does not answer holds nothing up. */
const EXPORT_TIMEOUT_MS = 5_000
const CLOSE_TIMEOUT_MS = 5_000

/**
 * The trace of a round has the same id on every node of the run, `traceIdOf`, so a collector shows the round as a whole,
 * though nothing about traces travels between nodes. Sampling by ratio (OTEL_TRACES_SAMPLER) therefore keeps whole rounds.
 */
export function createRoundTraces(init: RoundTracesInit): RoundTraces {
  const { collector, clock, logger, place } = init
  const log = createQuietLog(logger.child({ component: 'operate' }), clock)
  const url = `${collector.replace(/\/+$/, '')}/v1/traces`
  const random = new RandomIdGenerator()
  let traceId = ''
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'tempered',
      'service.version': temperedVersion(),
      'service.instance.id': init.node,
    }).merge(detectResources({ detectors: [envDetector] })),
    idGenerator: { generateTraceId: () => traceId, generateSpanId: () => random.generateSpanId() },
    spanProcessors: [
      new BatchSpanProcessor(
        reporting(new OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS }), (reason) =>
          log.warn('E_TRACES', { collector }, `${collector} did not take the spans of this node: ${reason}`),
        ),
        { exportTimeoutMillis: EXPORT_TIMEOUT_MS },
      ),
    ],
  })
  const tracer = provider.getTracer('tempered', temperedVersion())
  const spans = createRoundSpans({
    clock,
    tracerOf(round): Tracer {
      traceId = traceIdOf(place().run, round)
      return tracer
    },
    attributes() {
      const { run, peer } = place()
      return { 'tempered.run': run, 'tempered.node': peer }
    },
  })
  return {
    events: spans.events,
    endRounds: () => spans.close(),
    async close() {
      spans.close()
      const limit = new AbortController()
      await Promise.race([
        provider.shutdown().catch(() => undefined),
        sleep(clock, CLOSE_TIMEOUT_MS, limit.signal),
      ])
      limit.abort()
      log.stop()
    },
  }
}

/** The id of the trace of a round, counted from 0: the first 16 bytes of SHA-256 over `<run id>/<round from 1>`, in hex. */
export function traceIdOf(run: string, round: number): string {
  return createHash('sha256')
    .update(`${run}/${round + 1}`)
    .digest('hex')
    .slice(0, 32)
}

/** The same exporter, whose failures are reported. */
function reporting(exporter: SpanExporter, onFailure: (reason: string) => void): SpanExporter {
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (result.code !== ExportResultCode.SUCCESS) onFailure(result.error?.message ?? 'no reason given')
        done(result)
      })
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  }
}
