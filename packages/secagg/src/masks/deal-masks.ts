/**
 * A member deals what takes its masks off again: the seed of its own mask and its key, each shared among its group.
 *
 * Everybody can check a share that is shown later by its hash, and what comes of the shares by the open key and by the hash of the
 * seed: so it is clear whether a holder has lied or the dealer has shared something else.
 */

import { x25519 } from '@noble/curves/ed25519.js'
import { encodeCanonical, type GroupWordOf, sha256 } from '@tempered/protocol'
import { parcelHash } from '../dealing/challenge.js'
import type { Dealing } from '../dealing/deal-model.js'
import { bytesOf } from '../dealing/parcel.js'
import { ELEMENT_BYTES } from '../field/field.js'
import type { FieldKernels } from '../field/kernels.js'
import { SEED_BYTES, type SecretStream } from '../random/secret-stream.js'
import type { PrivateGroup } from '../session/private-group.js'
import type { Scheme } from '../sharing/scheme.js'
import { addMasks, type MaskSecrets, maskKeys, masksOf, pairSeed } from './pairwise-masks.js'
import { dealSeed, SEED_ELEMENTS } from './shared-seed.js'

/** Bytes of each of the two parts of a parcel: a share of the seed, and one of the key. */
export const SEED_SHARE_BYTES = SEED_ELEMENTS * ELEMENT_BYTES

/**
 * @param elements - of `encodeModel`
 * @param random - secret, and used for nothing else
 */
export function dealMasks(scheme: Scheme, elements: BigUint64Array, random: SecretStream): Dealing {
  const own = random.bytes(SEED_BYTES)
  const keys = maskKeys(random.bytes(SEED_BYTES))
  const vectors = dealSeed(scheme, own, random).map(bytesOf)
  const masks = dealSeed(scheme, keys.secret, random).map(bytesOf)
  const vectorHashes = vectors.map((bytes) => sha256(bytes))
  const maskHashes = masks.map((bytes) => sha256(bytes))
  return {
    parcels: vectors.map((vector, member) => ({ vector, masks: masks[member] })),
    hashes: vectorHashes.map((hash, member) => parcelHash(hash, maskHashes[member])),
    vectorHashes,
    maskHashes,
    attempts: 1,
    secrets: { elements, keys, own },
  }
}

/** What a dealer has signed. */
export interface MaskDeal {
  /** SHA-256 of each member's share of the seed, and of the key. */
  readonly seedShares: readonly Uint8Array[]
  readonly keyShares: readonly Uint8Array[]
  /** X25519, 32 bytes. */
  readonly open: Uint8Array
  /** SHA-256 of the seed. */
  readonly ownHash: Uint8Array
}

/** The two fields of a dealer's word. */
export function encodeMaskDeal({ vectorHashes, maskHashes, secrets }: Dealing & { secrets: MaskSecrets }) {
  const { keys, own } = secrets
  return { vectors: joined(vectorHashes), masks: joined([keys.open, sha256(own), ...maskHashes]) }
}

/** Words are decoded often, and to look at a key takes a millisecond. */
const decoded = new WeakMap<GroupWordOf<'deal'>, MaskDeal | 'none'>()

/** Undefined for a word that deals no masks to so many members, or whose key hides nothing. */
export function decodeMaskDeal(word: GroupWordOf<'deal'>, members: number): MaskDeal | undefined {
  const known = decoded.get(word) ?? decodeFields(word, members) ?? 'none'
  decoded.set(word, known)
  return known === 'none' ? undefined : known
}

function decodeFields({ vectors, masks }: GroupWordOf<'deal'>, members: number): MaskDeal | undefined {
  if (vectors.length !== 32 * members || masks.length !== 32 * (members + 2)) return undefined
  const [open, ownHash, ...keyShares] = pieces(masks)
  return isSafeKey(open) ? { seedShares: pieces(vectors), keyShares, open, ownHash } : undefined
}

const ANY_KEY = new Uint8Array(32).fill(1)

/** A few keys have the same secret with everybody; which ones does not depend on the other key. */
function isSafeKey(open: Uint8Array): boolean {
  try {
    x25519.getSharedSecret(ANY_KEY, open)
    return true
  } catch {
    return false
  }
}

/**
 * s_ij of two members of a group. The places are part of it: whoever repeats the open key of another member would otherwise have
 * masks in common with it, which cancel where they should hide.
 */
export function seedOfPair(
  { run, round, members }: PrivateGroup,
  [mine, other]: readonly [number, number],
  secret: Uint8Array,
  open: Uint8Array,
): Uint8Array {
  const pair = [Math.min(mine, other), Math.max(mine, other)]
  return pairSeed({ secret }, open, encodeCanonical({ run: run.id, round, members, pair }))
}

/**
 * y_i: the encoded model of a member with its masks, of d elements.
 *
 * @param openKeys - by place, of all members of whom it has masks; its own is not looked at
 */
export function maskModel(
  group: PrivateGroup,
  self: number,
  { elements, keys, own }: MaskSecrets,
  openKeys: ReadonlyMap<number, Uint8Array>,
  kernels: FieldKernels,
): BigUint64Array {
  const others = [...openKeys].filter(([other]) => other !== self)
  const seeds = new Map(
    others.map(([other, open]) => [other, seedOfPair(group, [self, other], keys.secret, open)]),
  )
  return addMasks(elements, masksOf(self, seeds, own), kernels)
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(32 * parts.length)
  for (const [k, part] of parts.entries()) all.set(part, 32 * k)
  return all
}

const pieces = (bytes: Uint8Array): Uint8Array[] =>
  Array.from({ length: bytes.length / 32 }, (_, k) => bytes.slice(32 * k, 32 * (k + 1)))
