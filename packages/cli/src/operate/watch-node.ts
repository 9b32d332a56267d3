import {
  type Logger,
  type NodeEvents,
  type NodeInit,
  type NodeStatus,
  systemClock,
  type TemperedNode,
} from '@tempered/node'
import { errorCode, errorMessage } from '@tempered/node/errors'
import type { Signer } from '@tempered/protocol'
import { COLLECTOR_ADDRESS, isCollectorAddress } from '../config/collector-address.js'
import { HTTP_ADDRESS, type HttpAddress, isLoopback, parseHttpAddress } from '../config/http-address.js'
import type { NodeConfig } from '../config/node-config.js'
import { CliError } from '../errors.js'
import { answerChangeRequest } from '../membership/change-requests.js'
import { allEvents } from './all-events.js'
import { createDiskMeter } from './disk-use.js'
import { stallReasons, watchEventLoop } from './event-loop-watch.js'
import { type HttpAnswer, type HttpRoutes, openHttpServer, verdictAnswer } from './http-server.js'
import type { NodeMetrics } from './node-metrics.js'
import { type IdleFor, unreadiness } from './readiness.js'
import type { RoundTracesInit } from './round-traces.js'
import { idleDocument, type SocketStatus, statusDocument } from './status-document.js'
import { CHANGES_REQUEST, openStatusSocket, STATUS_REQUEST, type StatusSocket } from './status-socket.js'

/**
 * How others can watch a node while it runs: over HTTP and by traces where that is configured, and over the socket of its
 * folder.
 */
export interface NodeWatch {
  /** To be passed to the node. */
  readonly events: NodeEvents
  readonly libp2pMetrics: NodeInit['libp2pMetrics']
  /** There is no node, and this process, which has the state folder, opens one for each job. */
  waiting(waitsFor: IdleFor): Promise<void>
  /** The node is open, and holds its state folder. */
  opened(node: TemperedNode, signer: () => Signer): Promise<void>
  /** The node of a job has stopped; the next may come. */
  left(): void
  /** The state folder is another one, under the same name. */
  moved(): Promise<void>
  close(): Promise<void>
}

export interface WatchAddresses {
  /** Where the HTTP server listens; undefined for none. */
  readonly http: HttpAddress | undefined
  /** Where traces go; undefined for none. */
  readonly collector: string | undefined
}

/**
 * Throws E_LISTEN if the address of the HTTP server cannot be used.
 * @param folder - where the node keeps what it writes; its size is shown
 */
export async function watchNode(
  config: NodeConfig,
  { http, collector }: WatchAddresses,
  logger: Logger,
  folder = config.state,
): Promise<NodeWatch> {
  const disk = createDiskMeter(folder)
  let running: { readonly node: TemperedNode; signer(): Signer } | undefined
  let socket: StatusSocket | undefined
  let waitsFor: IdleFor | undefined
  const begunMs = systemClock.wallMs()
  const metrics =
    http &&
    (await loadMetrics({
      ...{ status: () => running?.node.status(), disk },
      waitsFor: () => waitsFor,
    }))
  const libp2pMetrics = metrics && config.operate.libp2p ? await loadLibp2pMetrics(metrics) : undefined
  let run = ''
  const traces =
    collector === undefined
      ? undefined
      : await loadTraces({
          ...{ collector, logger, node: config.name, clock: systemClock },
          place: () => ({ run, peer: running?.node.peerId ?? '' }),
        })
  const loop = http && watchEventLoop()
  const server =
    http &&
    metrics &&
    loop &&
    (await openHttpServer(
      http,
      routesOf(metrics, () => readiness(running?.node.status(), waitsFor), loop.longestSeconds),
    ))
  if (http !== undefined && server !== undefined) {
    logger.info({ component: 'operate' }, `metrics at ${server.url}/metrics`)
    if (!isLoopback(http))
      logger.warn(
        { component: 'operate' },
        `${server.url} answers anybody who can reach it, without authentication; bind it to 127.0.0.1, or restrict it with a firewall`,
      )
  }
  const current = () => {
    if (running !== undefined) return running
    throw new CliError(
      'E_NOT_RUNNING',
      waitsFor === undefined ? 'the node has stopped' : 'no job is being trained',
    )
  }
  const status = async (): Promise<SocketStatus> => {
    const place = { node: config.name, pid: process.pid, nowMs: systemClock.wallMs() }
    if (running === undefined && waitsFor !== undefined)
      return { idle: idleDocument(waitsFor, place, begunMs, await disk()) }
    return { status: statusDocument(current().node.status(), place, await disk()) }
  }
  const openSocket = async (): Promise<void> => {
    try {
      socket = await openStatusSocket(config.state, {
        [STATUS_REQUEST]: status,
        [CHANGES_REQUEST]: async (request) => {
          const { node, signer } = current()
          return { reply: await answerChangeRequest(request, node.membership, signer()) }
        },
      })
    } catch (error) {
      // A node does its work without being watched.
      logger.warn(
        { component: 'operate', code: errorCode(error) },
        `tempered status will not work for this node: ${errorMessage(error)}`,
      )
    }
  }
  return {
    events: allEvents(metrics?.events ?? {}, traces?.events ?? {}),
    libp2pMetrics,
    async waiting(what) {
      const isFirst = waitsFor === undefined
      waitsFor = what
      if (isFirst) await openSocket()
    },
    async opened(node, signer) {
      running = { node, signer }
      run = node.status().run
      if (waitsFor === undefined) await openSocket()
    },
    left() {
      traces?.endRounds()
      running = undefined
    },
    async moved() {
      await socket?.close()
      await openSocket()
    },
    async close() {
      await traces?.close()
      running = undefined
      waitsFor = undefined
      await Promise.all([socket?.close(), server?.close()])
      loop?.close()
    },
  }
}

/** The addresses that flags or the configuration name. Throws E_USAGE. */
export function watchAddresses(
  flags: { readonly metrics?: string; readonly traces?: string },
  { operate }: NodeConfig,
): WatchAddresses {
  const text = flags.metrics ?? operate.http
  const http = text === undefined ? undefined : parseHttpAddress(text)
  if (text !== undefined && http === undefined)
    throw new CliError('E_USAGE', `--metrics ${text}: ${HTTP_ADDRESS}`)
  const collector = flags.traces ?? operate.traces
  if (collector !== undefined && !isCollectorAddress(collector))
    throw new CliError('E_USAGE', `--traces ${collector}: ${COLLECTOR_ADDRESS}`)
  return { http, collector }
}

function routesOf(metrics: NodeMetrics, ready: () => HttpAnswer, longestSeconds: () => number): HttpRoutes {
  return {
    '/metrics': async () => ({ status: 200, type: metrics.contentType, body: await metrics.render() }),
    '/healthz': async () => {
      const delaySeconds = longestSeconds()
      return verdictAnswer(stallReasons(delaySeconds), { eventLoopDelaySeconds: delaySeconds })
    },
    '/readyz': async () => ready(),
  }
}

function readiness(status: NodeStatus | undefined, waitsFor: IdleFor | undefined): HttpAnswer {
  const reasons = unreadiness(status, waitsFor)
  if (status === undefined)
    return verdictAnswer(reasons, waitsFor === undefined ? {} : { phase: `waiting for ${waitsFor}` })
  const { phase, rounds, neighbours } = status
  return verdictAnswer(reasons, {
    ...{ phase, rounds },
    round: Math.min(status.round + 1, rounds),
    neighbours: neighbours.length,
    neighboursUp: neighbours.filter((one) => one.isUp).length,
  })
}

/** Loaded only for nodes whose rounds are traced. */
async function loadTraces(init: RoundTracesInit) {
  const { createRoundTraces } = await import('./round-traces.js')
  return createRoundTraces(init)
}

/** Loaded only for nodes that are watched over HTTP. */
async function loadMetrics(source: Parameters<typeof import('./node-metrics.js').createNodeMetrics>[0]) {
  const { createNodeMetrics } = await import('./node-metrics.js')
  return createNodeMetrics(source)
}

async function loadLibp2pMetrics({ registry }: NodeMetrics): Promise<NodeInit['libp2pMetrics']> {
  const { prometheusMetrics } = await import('@libp2p/prometheus-metrics')
  return prometheusMetrics({ registry, collectDefaultMetrics: false, preserveExistingMetrics: true })
}
