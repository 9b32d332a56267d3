import { connect, createServer } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createMember } from '../../support/member-network.js'

/** A port of 127.0.0.1 that nobody listens on at this moment. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** What a client of a port gets. */
function answerOf(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve('somebody listens')
    })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
}

/** So many turns of the event loop lie between the start and the stop. */
const TURNS = [0, 1, 2, 3, 5, 8, 13, 21, 34]

describe('a network that is stopped while it starts', () => {
  it.each(TURNS)('leaves nothing open, %i turns after the start', async (turns) => {
    const port = await freePort()
    const { network, start } = createMember(0, [1], { listen: [`/ip4/127.0.0.1/tcp/${port}`] })
    const starting = start()
    for (let k = 0; k < turns; k++) await turn()
    await network.stop()
    await starting
    expect(await answerOf(port)).toBe('ECONNREFUSED')
  })

  it('is not opened any more once it was stopped', async () => {
    const port = await freePort()
    const { network, start } = createMember(0, [1], { listen: [`/ip4/127.0.0.1/tcp/${port}`] })
    await network.stop()
    await start()
    expect(await answerOf(port)).toBe('ECONNREFUSED')
    expect(network.addresses()).toEqual([])
  })

  it('listens when nobody stops it', async () => {
    const port = await freePort()
    const { network, start } = createMember(0, [1], { listen: [`/ip4/127.0.0.1/tcp/${port}`] })
    await start()
    expect(await answerOf(port)).toBe('somebody listens')
    await network.stop()
    expect(await answerOf(port)).toBe('ECONNREFUSED')
  })
})
