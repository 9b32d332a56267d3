import {
  createPrivateKey,
  createPublicKey,
  sign as edSign,
  verify as edVerify,
  type KeyObject,
} from 'node:crypto'
import { base58btc } from 'multiformats/bases/base58'
import { ProtocolError } from './errors.js'
import { plainBytes } from './hashing.js'
import { LIMITS } from './limits.js'
import type { AccountSigner } from './statement.js'

/**
 * libp2p peer ids of Ed25519 keys, and raw Ed25519 signatures (RFC 8032).
 * A peer id is base58btc(identity multihash(protobuf{type: Ed25519, data: 32-byte public key})), as in the libp2p
 * peer id specification. The key can therefore be recovered from the id, and nothing else has to be transmitted.
 */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** Peer id string of a 32-byte Ed25519 public key. */
export function peerIdFromPublicKey(publicKey: Uint8Array): string {
  const bytes = new Uint8Array(PEER_ID_PREFIX.length + 32)
  bytes.set(PEER_ID_PREFIX)
  bytes.set(publicKey, PEER_ID_PREFIX.length)
  return base58btc.baseEncode(bytes)
}

/** The 32-byte Ed25519 public key inside a peer id. Throws E_MALFORMED for any other kind of id. */
export function publicKeyFromPeerId(peerId: string): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = base58btc.baseDecode(peerId)
  } catch {
    throw notEd25519(peerId)
  }
  if (bytes.byteLength !== PEER_ID_PREFIX.length + 32) throw notEd25519(peerId)
  for (let k = 0; k < PEER_ID_PREFIX.length; k++) if (bytes[k] !== PEER_ID_PREFIX[k]) throw notEd25519(peerId)
  return bytes.subarray(PEER_ID_PREFIX.length)
}

function notEd25519(peerId: string): ProtocolError {
  return new ProtocolError(
    'E_MALFORMED',
    `"${peerId.slice(0, 80)}" is not the peer id of an Ed25519 key (12D3Koo…)`,
    {
      peerId,
    },
  )
}

/** Signs for a node. `peerId` is the id of the public key. */
export interface Signer {
  readonly peerId: string
  /** 64-byte Ed25519 signature of exactly these bytes. */
  sign(bytes: Uint8Array): Uint8Array
  /** Signs for the node's account as well; only in runs whose manifest names accounts. */
  readonly account?: AccountSigner | undefined
}

/** A signer from the 32-byte Ed25519 seed (the first half of libp2p's raw private key). */
export function createSigner(seed: Uint8Array): Signer {
  if (seed.byteLength !== 32) {
    throw new ProtocolError('E_MALFORMED', `an Ed25519 seed has 32 bytes, got ${seed.byteLength}`)
  }
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  const peerId = peerIdFromPublicKey(spki.subarray(SPKI_PREFIX.length))
  return { peerId, sign: (bytes) => plainBytes(edSign(null, bytes, key)) }
}

/** Enough for all members of the largest run: making a key costs several times as much as a verification. */
const MAX_CACHED_KEYS = LIMITS.maxMembers
const keyCache = new Map<string, KeyObject>()

function keyObject(peerId: string): KeyObject {
  const cached = keyCache.get(peerId)
  if (cached !== undefined) return cached
  const der = Buffer.concat([SPKI_PREFIX, publicKeyFromPeerId(peerId)])
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  if (keyCache.size >= MAX_CACHED_KEYS) keyCache.clear()
  keyCache.set(peerId, key)
  return key
}

/** True when `signature` is `peerId`'s signature of `bytes`. A malformed signature gives false, never an error. */
export function verifySignature(peerId: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (signature.byteLength !== 64) return false
  return edVerify(null, bytes, keyObject(peerId), signature)
}
