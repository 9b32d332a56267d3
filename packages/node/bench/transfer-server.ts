/** The other process of transfer.bench.ts: the same bytes over raw TCP, a bare libp2p stream and as a blob. */

import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { blobCid, runTopics } from '@tempered/protocol'
import { serveBlobs } from '../dist/blobs/exchange.js'
import { openBlobStore } from '../dist/blobs/store.js'
import { systemClock } from '../dist/clock.js'
import { identityFromSeed } from '../dist/identity-file.js'
import { createDirectProtocols } from '../dist/transport/direct-protocols.js'
import { createLibp2pNode } from '../dist/transport/libp2p-node.js'
import { BARE_PROTOCOL, BENCH_GUARD, benchBlob, DEADLINES } from './transfer-shared.js'

const folder = await mkdtemp(join(tmpdir(), 'tempered-bench-'))
/** Serves what was put into it from memory, as a node does its newest models. */
const newest = await openBlobStore(folder)
/** Has put nothing itself, so it reads the files. */
const older = await openBlobStore(folder)
let fromDisk = false
const identity = identityFromSeed(new Uint8Array(32).fill(1))
const libp2p = await createLibp2pNode({
  ...identity,
  listen: ['/ip4/127.0.0.1/tcp/0'],
  mdns: false,
  topics: runTopics(blobCid(new Uint8Array(1))),
  dialMs: DEADLINES.dialMs,
  wireBytes: { received: 0, sent: 0 },
  guard: BENCH_GUARD,
  clock: systemClock,
})
const direct = createDirectProtocols(libp2p, systemClock, DEADLINES, () => undefined)
await serveBlobs(direct, {
  blob: (cid) => (fromDisk ? older : newest).open(cid),
  mayHave: () => true,
})

/** The same over one libp2p stream, with nothing of ours on it: libp2p queues what the connection cannot take yet. */
await libp2p.handle(BARE_PROTOCOL, (stream) => {
  stream.addEventListener('message', ({ data }) => {
    stream.send(benchBlob(Number(Buffer.from(data.subarray()).readBigUInt64LE(0))))
  })
})

/** A connection names a length in 8 bytes and gets that many bytes, as often as it asks. */
const raw = createServer((socket) => {
  socket.on('data', (chunk) => socket.write(benchBlob(Number(chunk.readBigUInt64LE(0)))))
  socket.on('error', () => undefined)
})
raw.listen(0, '127.0.0.1', () => {
  const address = raw.address()
  process.send?.({
    multiaddr: libp2p.getMultiaddrs()[0]?.toString(),
    rawPort: typeof address === 'object' ? address?.port : undefined,
  })
})
process.on('message', async (message: { length: number } | { fromDisk: boolean }) => {
  if ('fromDisk' in message) {
    fromDisk = message.fromDisk
    process.send?.({})
    return
  }
  process.send?.({ cid: await newest.put(benchBlob(message.length)) })
})
process.on('disconnect', () => {
  rmSync(folder, { recursive: true })
  process.exit(0)
})
