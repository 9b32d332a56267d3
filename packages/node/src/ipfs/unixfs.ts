/** Files and folders as IPFS knows them (UnixFS in DAG-PB, https://specs.ipfs.tech/unixfs/): writing and reading blocks. */

import { cidFromDigest, RAW, sha256 } from '@tempered/protocol'
import { CID } from 'multiformats/cid'
import protobuf from 'protobufjs/minimal.js'
import { errorMessage, NodeError } from '../errors.js'
import type { BlockMap } from './block-map.js'
import { DAG_PB, hasSha256 } from './ipfs-cid.js'
import { IPFS_LIMITS } from './ipfs-limits.js'

/** A part of a folder or file. */
export interface Link {
  readonly cid: CID
  /** Empty in files. */
  readonly name: string
  /** All blocks below, bytes. */
  readonly totalBytes: number
}

/** A stored file or folder. */
export type Stored = Omit<Link, 'name'>

export interface UnixfsNode {
  readonly kind: 'file' | 'folder'
  /** Bytes of a file that are in this block itself. */
  readonly data: Uint8Array
  readonly links: readonly Link[]
}

/** Types of a UnixFS block. */
const RAW_TYPE = 0
const FOLDER = 1
const FILE = 2

/** Stores bytes as one raw block, whatever their length. */
export function putRaw(blocks: BlockMap, bytes: Uint8Array): Stored {
  const cid = cidFromDigest(RAW, sha256(bytes))
  blocks.put(cid, bytes)
  return { cid, totalBytes: bytes.byteLength }
}

/**
 * Stores a file. Its pieces are views of `bytes`, and the layout is that of `ipfs add` with raw leaves, pieces of 1 MiB
 * and 1,024 links: the same bytes have the same CID there.
 */
export function putFile(blocks: BlockMap, bytes: Uint8Array): Stored {
  const { chunkBytes, maxFileLinks } = IPFS_LIMITS
  let level: (Stored & { readonly fileBytes: number })[] = []
  for (let start = 0; start === 0 || start < bytes.byteLength; start += chunkBytes) {
    const piece = bytes.subarray(start, start + chunkBytes)
    level.push({ ...putRaw(blocks, piece), fileBytes: piece.byteLength })
  }
  while (level.length > 1) {
    const above: typeof level = []
    for (let first = 0; first < level.length; first += maxFileLinks) {
      const parts = level.slice(first, first + maxFileLinks)
      const fileBytes = parts.reduce((sum, part) => sum + part.fileBytes, 0)
      const unixfs = protobuf.Writer.create().uint32(8).int32(FILE).uint32(24).uint64(fileBytes)
      for (const part of parts) unixfs.uint32(32).uint64(part.fileBytes)
      const links = parts.map(({ cid, totalBytes }) => ({ cid, totalBytes, name: '' }))
      above.push({ ...putNode(blocks, links, unixfs.finish()), fileBytes })
    }
    level = above
  }
  const [{ cid, totalBytes }] = level as [(typeof level)[0]]
  return { cid, totalBytes }
}

/** Stores a folder of what is stored already. */
export function putFolder(blocks: BlockMap, files: Readonly<Record<string, Stored>>): Stored {
  const links = Object.entries(files)
    .map(([name, stored]) => ({ ...stored, name }))
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
  return putNode(blocks, links, protobuf.Writer.create().uint32(8).int32(FOLDER).finish())
}

/** DAG-PB puts links before data. */
function putNode(blocks: BlockMap, links: readonly Link[], unixfs: Uint8Array): Stored {
  const node = protobuf.Writer.create()
  for (const { cid, name, totalBytes } of links) {
    const link = protobuf.Writer.create().uint32(10).bytes(cid.bytes)
    link.uint32(18).string(name).uint32(24).uint64(totalBytes)
    node.uint32(18).bytes(link.finish())
  }
  const bytes = node.uint32(10).bytes(unixfs).finish()
  const cid = cidFromDigest(DAG_PB, sha256(bytes))
  blocks.put(cid, bytes)
  return { cid, totalBytes: links.reduce((sum, link) => sum + link.totalBytes, bytes.byteLength) }
}

/** Reads a DAG-PB block. Throws E_MALFORMED for what is no file or plain folder. */
export function readNode(cid: CID, bytes: Uint8Array): UnixfsNode {
  const refuse = (why: string, cause?: unknown) =>
    new NodeError(
      'E_MALFORMED',
      `block ${cid}: ${why}; only files and plain folders are supported`,
      { cid: cid.toString() },
      cause,
    )
  let node: ReturnType<typeof parseNode>
  try {
    node = parseNode(bytes)
  } catch (error) {
    throw refuse(`not a file or folder block (${errorMessage(error)})`, error)
  }
  const { type, data, links } = node
  if (type !== RAW_TYPE && type !== FOLDER && type !== FILE) throw refuse(`UnixFS type ${type}`)
  if (type === FOLDER && data.byteLength > 0) throw refuse('a folder with data')
  return { kind: type === FOLDER ? 'folder' : 'file', data, links }
}

function parseNode(bytes: Uint8Array) {
  const links: Link[] = []
  let unixfs: Uint8Array | undefined
  const reader = protobuf.Reader.create(bytes)
  while (reader.pos < reader.len) {
    const head = reader.uint32()
    if (head === 18) links.push(parseLink(reader.bytes()))
    else if (head === 10) unixfs = reader.bytes()
    else throw new Error(`unknown field ${head >>> 3}`)
  }
  if (unixfs === undefined) throw new Error('no UnixFS data')
  return { links, ...parseUnixfs(unixfs) }
}

function parseLink(bytes: Uint8Array): Link {
  let cid: CID | undefined
  let name = ''
  let totalBytes = 0
  const reader = protobuf.Reader.create(bytes)
  while (reader.pos < reader.len) {
    const head = reader.uint32()
    if (head === 10) cid = CID.decode(reader.bytes())
    else if (head === 18) name = reader.string()
    else if (head === 24) totalBytes = Number(reader.uint64())
    else throw new Error(`unknown field ${head >>> 3} of a link`)
  }
  if (cid === undefined || !hasSha256(cid) || (cid.code !== RAW && cid.code !== DAG_PB))
    throw new Error('a link to a block that is neither raw nor of a file, or has another hash than SHA-256')
  return { cid, name, totalBytes }
}

function parseUnixfs(bytes: Uint8Array): { type: number; data: Uint8Array } {
  let type: number | undefined
  let data: Uint8Array = new Uint8Array()
  const reader = protobuf.Reader.create(bytes)
  while (reader.pos < reader.len) {
    const head = reader.uint32()
    if (head === 8) type = reader.int32()
    else if (head === 18) data = reader.bytes()
    else reader.skipType(head & 7)
  }
  if (type === undefined) throw new Error('no UnixFS type')
  return { type, data }
}
