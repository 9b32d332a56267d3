import '../../src/polyfill/promise-with-resolvers.js'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { generateKeyPair, privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { encodeCanonical, publicKeyFromPeerId, type Signer } from '@tempered/protocol'
import { createLibp2p } from 'libp2p'
import { onTestFinished } from 'vitest'

/** A bare libp2p host that keeps to no budget: with a key of its own, or with that of a member. */
export async function startHostile(member?: {
  readonly seed: Uint8Array
  readonly signer: Signer
}): Promise<Libp2p> {
  const libp2p = await createLibp2p({
    privateKey: member === undefined ? await generateKeyPair('Ed25519') : privateKeyOf(member),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxOutboundStreams: 10_000 })],
    connectionMonitor: { enabled: false },
  })
  onTestFinished(async () => {
    await libp2p.stop()
  })
  return libp2p
}

function privateKeyOf({ seed, signer }: { readonly seed: Uint8Array; readonly signer: Signer }) {
  const key = new Uint8Array(64)
  key.set(seed)
  key.set(publicKeyFromPeerId(signer.peerId), 32)
  return privateKeyFromRaw(key)
}

export const dial = (host: Libp2p, [address]: readonly string[]): Promise<Connection> =>
  host.dial(multiaddr(address!))

export const openStream = (connection: Connection, protocol: string): Promise<Stream> =>
  connection.newStream(protocol, { maxOutboundStreams: 10_000 })

/** A frame as a direct protocol expects it. */
export function frame(value: unknown): Uint8Array {
  const body = encodeCanonical(value)
  const bytes = new Uint8Array(4 + body.byteLength)
  new DataView(bytes.buffer).setUint32(0, body.byteLength, true)
  bytes.set(body, 4)
  return bytes
}

/** Sends a message and returns what comes back until the other side has closed the stream. */
export async function ask(connection: Connection, protocol: string, message: unknown): Promise<string> {
  const stream = await openStream(connection, protocol)
  const replies: Uint8Array[] = []
  stream.addEventListener('message', ({ data }) => void replies.push(data.subarray()))
  const closed = new Promise<void>((resolve) => {
    for (const event of ['remoteCloseWrite', 'close'] as const)
      stream.addEventListener(event, () => resolve(), { once: true })
  })
  stream.send(frame(message))
  await closed
  return Buffer.concat(replies).toString('latin1')
}

/** Resolves when the other side has closed or reset it. */
export const ended = (target: EventTarget & { readonly status: string }): Promise<void> =>
  new Promise((resolve) => {
    if (target.status !== 'open') resolve()
    else target.addEventListener('close', () => resolve(), { once: true })
  })

/** A TCP connection on which nothing is said. */
export async function openSilently([address]: readonly string[]): Promise<Socket> {
  const [host, port] = multiaddr(address!).getComponents()
  const socket = connectTcp(Number(port!.value), host!.value)
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}
