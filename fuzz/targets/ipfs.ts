import { blobCid, cidFromDigest, sha256 } from '@tempered/protocol'
import {
  type BitswapMessage,
  decodeMessage,
  encodeBlock,
  encodePresences,
  encodeWants,
} from '../../packages/node/src/ipfs/bitswap-message.js'
import { createBlockMap } from '../../packages/node/src/ipfs/block-map.js'
import { putFile, putFolder, readNode, type UnixfsNode } from '../../packages/node/src/ipfs/unixfs.js'
import { mutateBytes } from '../engine/mutate-bytes.js'
import { bareError, endless, greedy } from '../engine/plants.js'
import { must, type TargetEntry } from '../engine/target.js'

const plants = [bareError('E_MALFORMED'), endless('E_MALFORMED'), greedy('E_MALFORMED')]
const DAG_PB = 0x70

export const IPFS: readonly TargetEntry[] = [
  {
    name: 'bitswap',
    about: 'bitswap messages of IPFS peers (ipfs/bitswap-message.ts)',
    open: () => ({
      valid(random) {
        const cids = Array.from({ length: random.between(1, 4) }, () => blobCid(random.bytes(4)))
        const block = random.bytes(random.below(200))
        return Buffer.concat([
          encodeWants(cids.map((cid) => ({ cid, cancel: random.chance(0.3) }))),
          encodePresences(cids.map((cid) => ({ cid, has: random.chance(0.5) }))),
          encodeBlock(blobCid(block), block).subarray(),
        ])
      },
      mutate: mutateBytes,
      decode: decodeMessage,
      holds(value, input) {
        const { blocks } = value as BitswapMessage
        for (const { key, bytes } of blocks) {
          must(Buffer.from(sha256(bytes)).toString('hex') === key, 'a block has the key of its bytes')
          must(bytes.buffer === input.buffer, 'blocks are not copied')
        }
      },
      plants,
    }),
  },
  {
    name: 'unixfs',
    about: 'blocks of files and folders (ipfs/unixfs.ts)',
    open: () => {
      const blocks = createBlockMap()
      const file = putFile(blocks, new Uint8Array(3 * 1024 * 1024).fill(1))
      const folder = putFolder(blocks, { 'model.bin': file, 'card.json': file })
      const nodes = [file, folder].map(({ cid }) => blocks.get(cid)!)
      return {
        valid: (random) => new Uint8Array(random.pick(nodes)),
        mutate: mutateBytes,
        decode: (input) => readNode(cidFromDigest(DAG_PB, sha256(input)), input),
        holds(value) {
          const { kind, data, links } = value as UnixfsNode
          must(kind === 'file' || data.byteLength === 0, 'a folder has no data')
          must(
            links.every(({ cid, totalBytes }) => cid.multihash.digest.byteLength === 32 && totalBytes >= 0),
            'links can be checked',
          )
        },
        plants,
      }
    },
  },
]
