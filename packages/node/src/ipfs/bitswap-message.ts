/** Messages of bitswap 1.2.0 (https://specs.ipfs.tech/bitswap-protocol/) as protocol buffers. */

import { cidFromDigest, RAW, sha256 } from '@tempered/protocol'
import { CID } from 'multiformats/cid'
import protobuf from 'protobufjs/minimal.js'
import { Uint8ArrayList } from 'uint8arraylist'
import { errorMessage, NodeError } from '../errors.js'
import { blockKey, hasSha256 } from './ipfs-cid.js'

export const BITSWAP = '/ipfs/bitswap/1.2.0'

export interface Want {
  readonly cid: CID
  /** The sender does not want it any more. */
  readonly cancel: boolean
  /** Only whether we have it, not the block. */
  readonly haveOnly: boolean
  /** The sender wants to be told that we do not have it. */
  readonly sendDontHave: boolean
}

export interface Presence {
  readonly cid: CID
  readonly has: boolean
}

export interface BitswapMessage {
  readonly wants: readonly Want[]
  /** `wants` replaces what the sender wanted before. */
  readonly full: boolean
  /** Blocks with the keys (`blockKey`) that follow from their bytes. */
  readonly blocks: readonly { readonly key: string; readonly bytes: Uint8Array }[]
  readonly presences: readonly Presence[]
}

/** Field numbers of the message and its parts. */
const WANTLIST = 1
const PAYLOAD = 3
const PRESENCES = 4
const ENTRIES = 1
const FULL = 2

const LENGTH_DELIMITED = 2
const tag = (field: number, type: number): number => (field << 3) | type

/** A message that asks for blocks, and to be told of those that are missing, or that takes questions back. */
export function encodeWants(wants: readonly { readonly cid: CID; readonly cancel: boolean }[]): Uint8Array {
  const wantlist = protobuf.Writer.create()
  for (const { cid, cancel } of wants) {
    const entry = protobuf.Writer.create().uint32(tag(1, LENGTH_DELIMITED)).bytes(cid.bytes)
    entry.uint32(tag(2, 0)).int32(1)
    entry.uint32(tag(cancel ? 3 : 5, 0)).bool(true)
    wantlist.uint32(tag(ENTRIES, LENGTH_DELIMITED)).bytes(entry.finish())
  }
  return protobuf.Writer.create().uint32(tag(WANTLIST, LENGTH_DELIMITED)).bytes(wantlist.finish()).finish()
}

/** A message that says for each CID whether we have its block. */
export function encodePresences(presences: readonly Presence[]): Uint8Array {
  const message = protobuf.Writer.create()
  for (const { cid, has } of presences) {
    const one = protobuf.Writer.create().uint32(tag(1, LENGTH_DELIMITED)).bytes(cid.bytes)
    one.uint32(tag(2, 0)).int32(has ? 0 : 1)
    message.uint32(tag(PRESENCES, LENGTH_DELIMITED)).bytes(one.finish())
  }
  return message.finish()
}

/** A message with one block, which is not copied. */
export function encodeBlock(cid: CID, bytes: Uint8Array): Uint8ArrayList {
  const prefix = protobuf.Writer.create()
  for (const part of [cid.version, cid.code, cid.multihash.code, cid.multihash.digest.byteLength])
    prefix.uint32(part)
  const head = protobuf.Writer.create().uint32(tag(1, LENGTH_DELIMITED)).bytes(prefix.finish())
  head.uint32(tag(2, LENGTH_DELIMITED)).uint32(bytes.byteLength)
  const start = head.finish()
  const outer = protobuf.Writer.create().uint32(tag(PAYLOAD, LENGTH_DELIMITED))
  outer.uint32(start.byteLength + bytes.byteLength)
  return new Uint8ArrayList(outer.finish(), start, bytes)
}

/**
 * Reads a message of a peer. What cannot be ours is left out: CIDs and blocks with other hash functions. Blocks are
 * views into `bytes`. Throws E_MALFORMED.
 */
export function decodeMessage(bytes: Uint8Array): BitswapMessage {
  try {
    return readMessage(bytes)
  } catch (error) {
    throw new NodeError('E_MALFORMED', `not a bitswap message: ${errorMessage(error)}`, {}, error)
  }
}

function readMessage(bytes: Uint8Array): BitswapMessage {
  const wants: Want[] = []
  const blocks: BitswapMessage['blocks'][number][] = []
  const presences: Presence[] = []
  let full = false
  readFields(bytes, (reader, field) => {
    if (field === WANTLIST)
      readFields(reader.bytes(), (list, part) => {
        if (part === ENTRIES) addIf(wants, readWant(list.bytes()))
        else if (part === FULL) full = list.bool()
        else return false
        return true
      })
    else if (field === PAYLOAD) addIf(blocks, readBlock(reader.bytes()))
    else if (field === PRESENCES) addIf(presences, readPresence(reader.bytes()))
    else return false
    return true
  })
  return { wants, full, blocks, presences }
}

function addIf<T>(list: T[], value: T | undefined): void {
  if (value !== undefined) list.push(value)
}

/** Calls `read` for each field; it returns false for one that it has not read. */
function readFields(bytes: Uint8Array, read: (reader: protobuf.Reader, field: number) => boolean): void {
  const reader = protobuf.Reader.create(bytes)
  while (reader.pos < reader.len) {
    const head = reader.uint32()
    if (!read(reader, head >>> 3)) reader.skipType(head & 7)
  }
}

function readWant(bytes: Uint8Array): Want | undefined {
  let cid: CID | undefined
  let cancel = false
  let haveOnly = false
  let sendDontHave = false
  readFields(bytes, (reader, field) => {
    if (field === 1) cid = CID.decode(reader.bytes())
    else if (field === 3) cancel = reader.bool()
    else if (field === 4) haveOnly = reader.int32() === 1
    else if (field === 5) sendDontHave = reader.bool()
    else return false
    return true
  })
  return cid === undefined || !hasSha256(cid) ? undefined : { cid, cancel, haveOnly, sendDontHave }
}

function readPresence(bytes: Uint8Array): Presence | undefined {
  let cid: CID | undefined
  let has = true
  readFields(bytes, (reader, field) => {
    if (field === 1) cid = CID.decode(reader.bytes())
    else if (field === 2) has = reader.int32() === 0
    else return false
    return true
  })
  return cid === undefined || !hasSha256(cid) ? undefined : { cid, has }
}

/** The prefix says how to hash; we ask for SHA-256 only, so it is not needed. */
function readBlock(bytes: Uint8Array): BitswapMessage['blocks'][number] | undefined {
  let data: Uint8Array | undefined
  readFields(bytes, (reader, field) => {
    if (field !== 2) return false
    data = reader.bytes()
    return true
  })
  if (data === undefined) return undefined
  return { key: blockKey(cidFromDigest(RAW, sha256(data))), bytes: data }
}
