/**
 * An IPFS node as others run it: stock Helia on loopback, without any code of ours but the polyfill that Node 20 needs.
 *
 *   serve <file>…                        prints `raw <cid>` or `file <cid>` of each, then `address <multiaddr>`; runs on
 *   wait <cid> <out>                     prints `address <multiaddr>`, and ends when a peer that connects gives it the block
 *   fetch <multiaddr> <raw|file|list> <cid> [out]
 */
import '../../../node/dist/polyfill/promise-with-resolvers.js'
import { readFile, writeFile } from 'node:fs/promises'
import { unixfs } from '@helia/unixfs'
import { identify } from '@libp2p/identify'
import { multiaddr } from '@multiformats/multiaddr'
import { createHelia } from 'helia'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'

const [command, ...rest] = process.argv.slice(2)
const helia = await createHelia({
  http: { delegatedRouters: [], recursiveGateways: [] },
  libp2p: {
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    peerDiscovery: [],
    services: { identify: identify() },
  },
}).start()
const fs = unixfs(helia)

if (command === 'serve') {
  for (const path of rest) {
    const bytes = new Uint8Array(await readFile(path))
    const raw = CID.createV1(0x55, await sha256.digest(bytes))
    await helia.blockstore.put(raw, bytes)
    process.stdout.write(`raw ${raw}\n`)
    process.stdout.write(`file ${await fs.addBytes(bytes)}\n`)
  }
  process.stdout.write(`address ${helia.libp2p.getMultiaddrs()[0]}\n`)
} else if (command === 'wait') {
  const [text, out] = rest
  process.stdout.write(`address ${helia.libp2p.getMultiaddrs()[0]}\n`)
  const parts = []
  for await (const part of helia.blockstore.get(CID.parse(text))) parts.push(part)
  await writeFile(out, Buffer.concat(parts))
  await helia.stop()
  process.exit()
} else {
  const [address, kind, text, out] = rest
  await helia.libp2p.dial(multiaddr(address))
  const cid = CID.parse(text)
  const parts = []
  if (kind === 'raw') for await (const part of helia.blockstore.get(cid)) parts.push(part)
  else if (kind === 'file') for await (const part of fs.cat(cid)) parts.push(part)
  else for await (const entry of fs.ls(cid)) process.stdout.write(`${entry.name} ${entry.cid}\n`)
  if (out !== undefined) await writeFile(out, Buffer.concat(parts))
  await helia.stop()
  process.exit()
}
