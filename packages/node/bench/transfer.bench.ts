/**
 * Model transfer between two processes over loopback, beside the same bytes on a bare libp2p stream (noise and yamux)
 * and on a raw TCP stream, in the same run.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { StreamMessageEvent } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { blobCid, runTopics } from '@tempered/protocol'
import { createBlobClient } from '../dist/blobs/blob-client.js'
import { systemClock } from '../dist/clock.js'
import { identityFromSeed } from '../dist/identity-file.js'
import { createDirectProtocols } from '../dist/transport/direct-protocols.js'
import { createLibp2pNode } from '../dist/transport/libp2p-node.js'
import { BARE_PROTOCOL, BENCH_GUARD, DEADLINES } from './transfer-shared.js'

export interface TransferBenchRow {
  /** What has this size. */
  name: string
  bytes: number
  /** Best of several, 10⁶ bytes per second; hash and checks included. The server holds the model in memory. */
  memoryMegabytesPerSecond: number
  /** The same when the server reads it from its file. */
  diskMegabytesPerSecond: number
  /** One long-lived libp2p stream without a protocol of ours: noise and yamux alone. */
  bareMegabytesPerSecond: number
  rawTcpMegabytesPerSecond: number
}

const SIZES: readonly [string, number][] = [
  ['MLP, 109,386 parameters', 16 + 4 * 109_386],
  ['CNN, 139,960 parameters', 16 + 4 * 139_960],
  ['4 M parameters', 16 + 4 * 4_000_000],
]
/** Kinds take turns, so that all meet the same load on the machine. */
const KINDS = ['memory', 'disk', 'bare', 'raw'] as const
type Kind = (typeof KINDS)[number]
/** How much each kind transfers of every size. */
const REPEATED_BYTES = 480_000_000

async function seconds(run: () => Promise<void>): Promise<number> {
  const begun = performance.now()
  await run()
  return (performance.now() - begun) / 1000
}

async function reply<T>(child: ChildProcess): Promise<T> {
  const [message] = await once(child, 'message')
  return message as T
}

/** Copies what arrives to its place in `into`, as every kind of transfer does. */
function collect(into: Uint8Array, whole: () => void): (chunk: Uint8Array) => void {
  let received = 0
  return (chunk) => {
    into.set(chunk, received)
    received += chunk.byteLength
    if (received === into.byteLength) whole()
  }
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
    guard: BENCH_GUARD,
    clock: systemClock,
  })
  const connection = await libp2p.dial(multiaddr(address))
  const peer = connection.remotePeer.toString()
  const blobs = createBlobClient(createDirectProtocols(libp2p, systemClock, DEADLINES, () => undefined))
  const bare = await connection.newStream(BARE_PROTOCOL)
  const socket = connect(rawPort, '127.0.0.1')
  await once(socket, 'connect')

  const rows: TransferBenchRow[] = []
  for (const [name, bytes] of SIZES) {
    child.send({ length: bytes })
    const { cid } = await reply<{ cid: string }>(child)
    const into = new Uint8Array(bytes)
    const ask = Buffer.alloc(8)
    ask.writeBigUInt64LE(BigInt(bytes))
    const fetch = () => blobs.fetch(peer, cid, into, new AbortController().signal)
    const kinds: Record<Kind, () => Promise<void>> = {
      memory: fetch,
      disk: fetch,
      bare: () =>
        new Promise((resolve) => {
          const take = collect(into, () => {
            bare.removeEventListener('message', onMessage)
            resolve()
          })
          const onMessage = ({ data }: StreamMessageEvent): void => {
            for (const chunk of data instanceof Uint8Array ? [data] : data) take(chunk)
          }
          bare.addEventListener('message', onMessage)
          bare.send(ask)
        }),
      raw: () =>
        new Promise((resolve) => {
          const take = collect(into, () => {
            socket.off('data', take)
            resolve()
          })
          socket.on('data', take)
          socket.write(ask)
        }),
    }
    const best = new Map<Kind, number>()
    const repeats = Math.ceil(REPEATED_BYTES / bytes)
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const kind of KINDS) {
        child.send({ fromDisk: kind === 'disk' })
        await reply(child)
        best.set(kind, Math.min(best.get(kind) ?? Number.POSITIVE_INFINITY, await seconds(kinds[kind])))
      }
    }
    const speed = (kind: Kind): number => bytes / (best.get(kind) ?? Number.NaN) / 1e6
    rows.push({
      name,
      bytes,
      memoryMegabytesPerSecond: speed('memory'),
      diskMegabytesPerSecond: speed('disk'),
      bareMegabytesPerSecond: speed('bare'),
      rawTcpMegabytesPerSecond: speed('raw'),
    })
  }
  socket.destroy()
  await libp2p.stop()
  child.disconnect()
  return rows
}
