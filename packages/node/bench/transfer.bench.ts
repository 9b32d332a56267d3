/** Model transfer between two processes over loopback, against a raw TCP stream of the same bytes in the same run. */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { blobCid, runTopics } from '@tempered/protocol'
import { fetchBlob } from '../src/blobs/exchange.js'
import { systemClock } from '../src/clock.js'
import { identityFromSeed } from '../src/identity-file.js'
import { createDirectProtocols } from '../src/transport/direct-protocols.js'
import { createLibp2pNode } from '../src/transport/libp2p-node.js'
import { DEADLINES } from './transfer-shared.js'

export interface TransferBenchRow {
  /** What has this size. */
  name: string
  bytes: number
  /** Best of several, 10⁶ bytes a second; hashing and checks included on the libp2p side. */
  blobMegabytesPerSecond: number
  rawTcpMegabytesPerSecond: number
}

const SIZES: readonly [string, number][] = [
  ['MLP, 109,386 parameters', 16 + 4 * 109_386],
  ['CNN, 139,960 parameters', 16 + 4 * 139_960],
  ['4 M parameters', 16 + 4 * 4_000_000],
]
const REPEATS = 12

async function best(repeats: number, run: () => Promise<void>): Promise<number> {
  let seconds = Number.POSITIVE_INFINITY
  for (let k = 0; k < repeats; k++) {
    const begun = performance.now()
    await run()
    seconds = Math.min(seconds, (performance.now() - begun) / 1000)
  }
  return seconds
}

async function reply<T>(child: ChildProcess): Promise<T> {
  const [message] = await once(child, 'message')
  return message as T
}

export async function benchTransfer(): Promise<TransferBenchRow[]> {
  const child = fork(new URL('./transfer-server.ts', import.meta.url))
  const { multiaddr: address, rawPort } = await reply<{ multiaddr: string; rawPort: number }>(child)
  const identity = identityFromSeed(new Uint8Array(32).fill(2))
  const libp2p = await createLibp2pNode({
    ...identity,
    listen: [],
    mdns: false,
    topics: runTopics(blobCid(new Uint8Array(1))),
    dialMs: DEADLINES.dialMs,
    wireBytes: { received: 0, sent: 0 },
  })
  const connection = await libp2p.dial(multiaddr(address))
  const peer = connection.remotePeer.toString()
  const direct = createDirectProtocols(libp2p, systemClock, DEADLINES, () => undefined)
  const socket = connect(rawPort, '127.0.0.1')
  await once(socket, 'connect')

  const rows: TransferBenchRow[] = []
  for (const [name, bytes] of SIZES) {
    child.send({ length: bytes })
    const { cid } = await reply<{ cid: string }>(child)
    const into = new Uint8Array(bytes)
    const blob = await best(REPEATS, () => fetchBlob(direct, peer, cid, into, new AbortController().signal))
    const ask = Buffer.alloc(8)
    ask.writeBigUInt64LE(BigInt(bytes))
    const raw = await best(
      REPEATS,
      () =>
        new Promise((resolve) => {
          let received = 0
          const onData = (chunk: Buffer): void => {
            into.set(chunk, received)
            received += chunk.byteLength
            if (received < bytes) return
            socket.off('data', onData)
            resolve()
          }
          socket.on('data', onData)
          socket.write(ask)
        }),
    )
    rows.push({
      name,
      bytes,
      blobMegabytesPerSecond: bytes / blob / 1e6,
      rawTcpMegabytesPerSecond: bytes / raw / 1e6,
    })
  }
  socket.destroy()
  await libp2p.stop()
  child.disconnect()
  return rows
}
