import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

/** What a process does that has no Promise.withResolvers. Imports the built package. */
const SCRIPT = `
delete Promise.withResolvers
if (Promise.withResolvers !== undefined) throw new Error('still there')
const { createLibp2pNode } = await import('./dist/transport/libp2p-node.js')
const { budgetsOf } = await import('./dist/guard/budgets.js')
const { systemClock } = await import('./dist/clock.js')
const { createSigner, blobCid, runTopics } = await import('@tempered/protocol')
const topics = runTopics(blobCid(new Uint8Array(1)))
const start = (fill) => {
  const seed = new Uint8Array(32).fill(fill)
  return createLibp2pNode({
    seed, signer: createSigner(seed), listen: ['/ip4/127.0.0.1/tcp/0'], mdns: false, topics, dialMs: 60_000,
    wireBytes: { received: 0, sent: 0 }, clock: systemClock,
    guard: { budgets: budgetsOf({ manifest: { members: [] } }), connections: { gater: {} }, isMember: () => true },
  })
}
const [a, b] = await Promise.all([start(1), start(2)])
const connection = await a.dial(b.getMultiaddrs())
console.log(connection.remotePeer.equals(b.peerId) ? 'connected' : 'wrong peer')
await Promise.all([a.stop(), b.stop()])
console.log('stopped')
process.exit(0)
`

describe('Promise.withResolvers', () => {
  it('is available to libp2p if the runtime does not have it: two libp2p nodes connect and stop', async () => {
    const cwd = fileURLToPath(new URL('../../..', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', SCRIPT], {
      cwd,
    })
    expect(stdout.trim().split('\n')).toEqual(['connected', 'stopped'])
  })

  it('resolves, rejects and creates promises of the class it is called on', async () => {
    await import('../../../src/polyfill/promise-with-resolvers.js')
    const { withResolvers } = Promise as unknown as {
      withResolvers<T>(this: PromiseConstructor): {
        promise: Promise<T>
        resolve(value: T): void
        reject(reason: unknown): void
      }
    }
    const first = withResolvers.call<PromiseConstructor, [], ReturnType<typeof withResolvers<unknown>>>(
      Promise,
    )
    first.resolve(5)
    expect(await first.promise).toBe(5)
    const second = withResolvers.call<PromiseConstructor, [], ReturnType<typeof withResolvers<unknown>>>(
      Promise,
    )
    second.reject(new RangeError('no'))
    await expect(second.promise).rejects.toThrow(RangeError)
    class Special<T> extends Promise<T> {}
    const third = withResolvers.call<PromiseConstructor, [], ReturnType<typeof withResolvers<unknown>>>(
      Special as never,
    )
    expect(third.promise).toBeInstanceOf(Special)
  })
})
