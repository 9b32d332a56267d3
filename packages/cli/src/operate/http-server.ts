import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HttpAddress } from '../config/http-address.js'
import { CliError } from '../errors.js'

export interface HttpAnswer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** Answers by path. */
export type HttpRoutes = Readonly<Record<string, () => Promise<HttpAnswer>>>

export interface HttpServer {
  /** `http://127.0.0.1:9464`, with the port that was really taken. */
  readonly url: string
  close(): Promise<void>
}

/** Limits of what a client can make the server hold or wait for. */
const HTTP_LIMITS = {
  headerBytes: 8 * 1024,
  connections: 32,
  requestMs: 5_000,
  keepAliveMs: 30_000,
} as const

/**
 * A server for GET requests without authentication and without bodies. It knows the paths of `routes` and nothing else.
 * Throws E_LISTEN.
 */
export async function openHttpServer({ host, port }: HttpAddress, routes: HttpRoutes): Promise<HttpServer> {
  const server = createServer(
    {
      maxHeaderSize: HTTP_LIMITS.headerBytes,
      headersTimeout: HTTP_LIMITS.requestMs,
      requestTimeout: HTTP_LIMITS.requestMs,
      keepAliveTimeout: HTTP_LIMITS.keepAliveMs,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => void respond(request, response, routes),
  )
  server.maxConnections = HTTP_LIMITS.connections
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  }).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'EADDRINUSE' ? 'another program listens there' : error.message
    throw new CliError('E_LISTEN', `cannot serve metrics at ${host}:${port}: ${why}`, { host, port }, error)
  })
  server.on('error', () => undefined)
  // It must not keep a node alive that has nothing left to do.
  server.unref()
  const { port: taken } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  routes: HttpRoutes,
): Promise<void> {
  const { method, url = '' } = request
  // A body is not read; the connection ends with the answer.
  const hasBody =
    request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
  if (hasBody) response.setHeader('connection', 'close')
  const answer = await answerTo(method, url, routes)
  if (answer.status === 405) response.setHeader('allow', 'GET, HEAD')
  response.writeHead(answer.status, {
    'content-type': answer.type,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(method === 'HEAD' ? undefined : answer.body)
}

async function answerTo(method: string | undefined, url: string, routes: HttpRoutes): Promise<HttpAnswer> {
  const path = url.split('?', 1)[0]!
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined
  if (route === undefined) return plain(404, `not found; try ${Object.keys(routes).join(', ')}`)
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET and HEAD')
  try {
    return await route()
  } catch {
    // What went wrong is of no concern to whoever asks.
    return plain(500, 'internal error')
  }
}

const plain = (status: number, text: string): HttpAnswer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body: `${text}\n`,
})

/** JSON for machines and people: 200 when there is nothing to complain of, 503 with the reasons otherwise. */
export function verdictAnswer(
  reasons: readonly string[],
  details: Readonly<Record<string, unknown>>,
): HttpAnswer {
  return {
    status: reasons.length === 0 ? 200 : 503,
    type: 'application/json; charset=utf-8',
    body: `${JSON.stringify({ ok: reasons.length === 0, reasons, ...details })}\n`,
  }
}
