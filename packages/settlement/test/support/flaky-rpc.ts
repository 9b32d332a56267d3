/** An RPC that can go away and come back: it passes everything on to another one. */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FlakyRpc {
  readonly url: string
  /** How many requests are dropped from now on. */
  drop(count: number): void
  /** How many requests of this method are passed on from now on without their answer coming back. */
  dropAnswers(method: string, count: number): void
  /** What so many requests of this method get instead of their answer. */
  fake(method: string, count: number, answer: object): void
  /** How many requests will still get such an answer. */
  left(): number
  close(): Promise<void>
}

export async function flakyRpc(target: string): Promise<FlakyRpc> {
  let dropped = 0
  let answers = { method: '', count: 0 }
  let faked: { method: string; count: number; answer: object } = { method: '', count: 0, answer: {} }
  const server: Server = createServer(async (request, response) => {
    if (dropped > 0) {
      dropped -= 1
      request.socket.destroy()
      return
    }
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const answer = await fetch(target, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: Buffer.concat(pieces),
    })
    if (answers.count > 0 && Buffer.concat(pieces).includes(answers.method)) {
      answers.count -= 1
      request.socket.destroy()
      return
    }
    if (faked.count > 0 && Buffer.concat(pieces).includes(faked.method)) {
      faked.count -= 1
      const { id } = JSON.parse(Buffer.concat(pieces).toString()) as { id: number }
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id, ...faked.answer }))
      return
    }
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    response.end(Buffer.from(await answer.arrayBuffer()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    drop(count) {
      dropped = count
    },
    dropAnswers(method, count) {
      answers = { method, count }
    },
    fake(method, count, answer) {
      faked = { method, count, answer }
    },
    left: () => faked.count,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
