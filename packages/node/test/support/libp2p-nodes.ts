import type { Connection, Libp2p } from '@libp2p/interface'
import { type Run, runTopics, type Signer } from '@tempered/protocol'
import { onTestFinished } from 'vitest'
import { systemClock } from '../../src/clock.js'
import { createLibp2pNode, type Libp2pNode } from '../../src/transport/libp2p-node.js'
import { openGuard } from './guards.js'
import { run } from './run-fixture.js'

/** A real libp2p node on a free port of 127.0.0.1; it stops with the test. */
export async function startLibp2pNode(
  seed: Uint8Array,
  signer: Signer,
  ofRun: Run = run,
  onOwnKey?: (direction: 'inbound' | 'outbound') => void,
): Promise<Libp2pNode> {
  const guard = await openGuard(ofRun)
  onTestFinished(() => guard.stop())
  const libp2p = await createLibp2pNode({
    seed,
    signer,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    mdns: false,
    topics: runTopics(ofRun.id),
    dialMs: 60_000,
    guard,
    clock: systemClock,
    wireBytes: { received: 0, sent: 0 },
    ...(onOwnKey === undefined ? {} : { onOwnKey }),
  })
  onTestFinished(async () => {
    await libp2p.stop()
  })
  return libp2p
}

export function connect(from: Libp2p, to: Libp2p): Promise<Connection> {
  return from.dial(to.getMultiaddrs())
}

/** Resolves when `check` holds after one of `target`'s events. */
export function eventually(target: EventTarget, event: string, check: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!check()) return
      target.removeEventListener(event, look)
      resolve()
    }
    target.addEventListener(event, look)
    look()
  })
}
