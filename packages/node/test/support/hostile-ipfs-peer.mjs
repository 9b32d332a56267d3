/**
 * A peer that speaks bitswap and means no good: `node hostile-ipfs-peer.mjs <how>`. Prints its address, then `asked` for
 * each message that it gets.
 */
import '../../dist/polyfill/promise-with-resolvers.js'
import { CID } from 'multiformats/cid'
import { randomIdentity } from '../../dist/identity-file.js'
import { BITSWAP, encodeBlock } from '../../dist/ipfs/bitswap-message.js'
import { createIpfsNode } from '../../dist/ipfs/ipfs-node.js'

const ASKED_FOR = CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')

/** Length and message. */
function framed(bytes, length = bytes.byteLength) {
  const prefix = []
  for (let left = length; ; left = Math.floor(left / 128)) {
    if (left < 128) {
      prefix.push(left)
      break
    }
    prefix.push((left % 128) | 128)
  }
  return new Uint8Array([...prefix, ...bytes])
}

const ANSWERS = {
  'wrong-bytes': () => framed(encodeBlock(ASKED_FOR, new TextEncoder().encode('poison')).subarray()),
  garbage: () => framed(new Uint8Array(64).fill(0xff)),
  'too-long': () => framed(new Uint8Array(16), 64 * 1024 * 1024),
  'endless-length': () => new Uint8Array(16).fill(0x80),
  silent: () => undefined,
  'hangs-up': () => null,
}

const [how] = process.argv.slice(2)
const node = await createIpfsNode({
  identity: randomIdentity(),
  listen: ['/ip4/127.0.0.1/tcp/0'],
  dialMs: 60_000,
})
if (how !== 'no-bitswap')
  await node.handle(BITSWAP, async (_, connection) => {
    process.stdout.write('asked\n')
    const answer = ANSWERS[how]()
    if (answer === null) await connection.close()
    if (answer == null) return
    const stream = await connection.newStream(BITSWAP)
    stream.send(answer)
    await stream.close()
  })
process.stdout.write(`address ${node.getMultiaddrs()[0]}\n`)
