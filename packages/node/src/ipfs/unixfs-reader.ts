import { RAW } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { NodeError } from '../errors.js'
import { DAG_PB } from './ipfs-cid.js'
import { IPFS_LIMITS } from './ipfs-limits.js'
import { type Link, readNode } from './unixfs.js'

/** A block that matches its CID. */
export type GetBlock = (cid: CID) => Promise<Uint8Array>

export type Content =
  | { readonly kind: 'file'; parts(maxBytes: number): AsyncGenerator<Uint8Array, void> }
  | { readonly kind: 'folder'; readonly files: readonly Link[] }

/** Fetches the first block of a file or folder. Throws E_MALFORMED and what `get` throws. */
export async function openContent(get: GetBlock, cid: CID): Promise<Content> {
  const bytes = await get(cid)
  if (cid.code !== DAG_PB || readNode(cid, bytes).kind === 'file')
    return { kind: 'file', parts: (maxBytes) => readParts(get, { cid, bytes }, maxBytes) }
  const { links } = readNode(cid, bytes)
  const { maxFolderFiles } = IPFS_LIMITS
  if (links.length > maxFolderFiles)
    throw new NodeError(
      'E_TOO_LARGE',
      `folder ${cid} has ${links.length} files; the maximum is ${maxFolderFiles}`,
    )
  return { kind: 'folder', files: links }
}

/** A block that is to be read next, once it has been asked for. */
interface Ahead {
  readonly cid: CID
  block?: Promise<Uint8Array>
}

/**
 * The bytes of a file in order; the next `fetchAhead` blocks are asked for while one is read. Throws E_TOO_LARGE above
 * `maxBytes` or `maxFileBlocks`, E_MALFORMED for a folder inside a file, and what `get` throws.
 */
async function* readParts(
  get: GetBlock,
  root: { readonly cid: CID; readonly bytes: Uint8Array },
  maxBytes: number,
): AsyncGenerator<Uint8Array, void> {
  const { maxFileBlocks, fetchAhead } = IPFS_LIMITS
  /** In reverse order: the next one is the last. */
  const queue: Ahead[] = [{ cid: root.cid, block: Promise.resolve(root.bytes) }]
  let bytesLeft = maxBytes
  let blocksLeft: number = maxFileBlocks - 1
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { cid } = next
    const block = await (next.block ?? get(cid))
    const { data, links } = cid.code === RAW ? { data: block, links: [] } : fileNode(cid, block)
    bytesLeft -= data.byteLength
    blocksLeft -= links.length
    if (bytesLeft < 0) throw new NodeError('E_TOO_LARGE', `file ${root.cid} is larger than ${maxBytes} bytes`)
    if (blocksLeft < 0)
      throw new NodeError('E_TOO_LARGE', `file ${root.cid} has more than ${maxFileBlocks} blocks`)
    for (const link of links.toReversed()) queue.push({ cid: link.cid })
    for (const ahead of queue.slice(-fetchAhead)) {
      if (ahead.block !== undefined) continue
      ahead.block = get(ahead.cid)
      // It is reported when its turn comes.
      ahead.block.catch(() => undefined)
    }
    if (data.byteLength > 0) yield data
  }
}

function fileNode(cid: CID, block: Uint8Array) {
  const node = readNode(cid, block)
  if (node.kind === 'folder') throw new NodeError('E_MALFORMED', `block ${cid}: a folder inside a file`)
  return node
}
