import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { parseHttpAddress } from '../../../src/config/http-address.js'
import { type HttpServer, openHttpServer, verdictAnswer } from '../../../src/operate/http-server.js'

const opened: HttpServer[] = []
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close()
})

async function serve(): Promise<HttpServer> {
  const server = await openHttpServer(
    { host: '127.0.0.1', port: 0 },
    {
      '/healthz': async () => verdictAnswer([], { delay: 1 }),
      '/readyz': async () => verdictAnswer(['it rains'], {}),
      '/metrics': async () => {
        throw new Error('secret')
      },
    },
  )
  opened.push(server)
  return server
}

/** What a server answers to raw bytes, until it closes the connection. */
async function answerTo(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.setEncoding('latin1').on('data', (chunk) => {
    answer += chunk
  })
  socket.on('error', () => undefined)
  socket.write(request)
  await once(socket, 'close')
  return answer
}

describe('the HTTP server', () => {
  it('says 200 or 503 with reasons', async () => {
    const { url } = await serve()
    const well = await fetch(`${url}/healthz?x=1`)
    expect([well.status, await well.json()]).toEqual([200, { ok: true, reasons: [], delay: 1 }])
    const ill = await fetch(`${url}/readyz`)
    expect([ill.status, await ill.json()]).toEqual([503, { ok: false, reasons: ['it rains'] }])
  })

  it('knows its own paths and GET and HEAD, and nothing else', async () => {
    const { url } = await serve()
    for (const path of ['/', '/healthz/', '/__proto__', '/constructor', '/metrics/x'])
      expect((await fetch(`${url}${path}`)).status, path).toBe(404)
    const posted = await fetch(`${url}/healthz`, { method: 'POST', body: 'x' })
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    const head = await fetch(`${url}/healthz`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  it('does not say what went wrong inside', async () => {
    const { url } = await serve()
    const failed = await fetch(`${url}/metrics`)
    expect([failed.status, await failed.text()]).toEqual([500, 'internal error\n'])
  })

  it('reads no more than 8 kB of headers, and no body', async () => {
    const { url } = await serve()
    const long = `GET /healthz HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(9000)}\r\n\r\n`
    expect(await answerTo(url, long)).toContain('431')
    const body = `POST /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\nabc`
    expect((await answerTo(url, body)).toLowerCase()).toContain('connection: close')
    expect(await answerTo(url, 'not http\r\n\r\n')).toContain('400')
  })

  it('says which address is taken', async () => {
    const { url } = await serve()
    const port = Number(new URL(url).port)
    await expect(openHttpServer({ host: '127.0.0.1', port }, {})).rejects.toMatchObject({
      code: 'E_LISTEN',
      message: expect.stringContaining('another program listens there'),
    })
  })
})

describe('an address of the HTTP server', () => {
  it.each([
    ['127.0.0.1:9464', { host: '127.0.0.1', port: 9464 }],
    ['9464', { host: '127.0.0.1', port: 9464 }],
    ['[::1]:9464', { host: '::1', port: 9464 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['host:', undefined],
    ['1.2.3.4:65536', undefined],
    ['[1.2.3.4]:1', undefined],
    ['http://127.0.0.1:1', undefined],
    ['', undefined],
  ])('%s', (text, address) => {
    expect(parseHttpAddress(text)).toEqual(address)
  })
})
