import { z } from 'zod'
import { ProtocolError } from './errors.js'
import { bytesField, counter } from './fields.js'
import { LIMITS } from './limits.js'

/**
 * Which heads a witness has co-signed, by name. The signature covers a Merkle tree over the list of them; whoever has
 * the heads builds the same tree. Most witnesses of a round have seen the same heads, so a node builds one tree for
 * all of them instead of one per message, and a message needs one bit per member instead of two digests.
 */
export interface CosignedReference {
  /** Most heads of a list are of this round. */
  readonly round: number
  /** Bit m, counted from the lowest of the first byte: the list has member m's head of `round`. No zero byte ends it. */
  readonly members: Uint8Array
  /** Heads of other rounds, in order of member and height. */
  readonly others: readonly NamedHead[]
  /** Heads in the list. */
  readonly size: number
}

export interface NamedHead {
  /** Index into the run's roster. */
  readonly member: number
  readonly height: number
}

export const referenceSchema = z.strictObject({ round: counter, members: bytesField, others: bytesField })

const NAMED_BYTES = 8

/**
 * Heads of one member that a witness remembers, the newest, and so the most of one member that a list may hold: older
 * ones are known to nobody, and a list that names them never counts.
 */
export const COSIGNED_PER_MEMBER = 8

/** Heads of other rounds than the common one that a list may name, in a run of so many members. */
export function maxCosignedOthers(memberCount: number): number {
  return Math.min(LIMITS.maxWitnessedOthers, COSIGNED_PER_MEMBER * memberCount)
}

/** The order of a list: by member, then by height. */
export function inListOrder<H extends NamedHead>(heads: readonly H[]): H[] {
  return [...heads].sort((a, b) => a.member - b.member || a.height - b.height)
}

/** The reference to a list, which is in order; the round that most of its heads are of becomes the common one. */
export function referTo(list: readonly (NamedHead & { readonly round: number })[]): CosignedReference {
  const round = commonRound(list)
  const bits = new Uint8Array(Math.ceil(((list.at(-1)?.member ?? -1) + 1) / 8))
  const others: NamedHead[] = []
  const isSet = (member: number): boolean => (bits[member >> 3]! & (1 << (member & 7))) !== 0
  for (const { member, height, round: ofRound } of list) {
    if (ofRound === round && !isSet(member)) bits[member >> 3]! |= 1 << (member & 7)
    else others.push({ member, height })
  }
  let length = bits.byteLength
  while (length > 0 && bits[length - 1] === 0) length -= 1
  return { round, members: bits.slice(0, length), others, size: list.length }
}

/** The round that most heads are of, the earliest of those that are equally frequent; 0 for none. */
export function commonRound(heads: readonly { readonly round: number }[]): number {
  const counts = new Map<number, number>()
  for (const { round } of heads) counts.set(round, (counts.get(round) ?? 0) + 1)
  let best = 0
  let most = 0
  for (const [round, count] of counts) {
    if (count < most || (count === most && round >= best)) continue
    best = round
    most = count
  }
  return best
}

/** Members with a head of the common round, in ascending order. */
export function* membersOf({ members }: CosignedReference): Generator<number> {
  for (let at = 0; at < members.byteLength; at++) {
    const byte = members[at]!
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) yield 8 * at + bit
  }
}

export function packReference({
  round,
  members,
  others,
}: CosignedReference): z.infer<typeof referenceSchema> {
  const packed = new Uint8Array(NAMED_BYTES * others.length)
  const view = new DataView(packed.buffer)
  for (const [k, { member, height }] of others.entries()) {
    view.setUint32(NAMED_BYTES * k, member)
    view.setUint32(NAMED_BYTES * k + 4, height)
  }
  return { round, members, others: packed }
}

/** Throws E_MALFORMED unless it is the one encoding of a reference in a run of `memberCount` members. */
export function unpackReference(
  { round, members, others: packed }: z.infer<typeof referenceSchema>,
  memberCount: number,
): CosignedReference {
  if (members.byteLength > 0 && members.at(-1) === 0)
    throw malformed('the bits of the members end with zeros')
  let size = 0
  for (const byte of members) size += ones(byte)
  const last = 8 * members.byteLength - 1 - Math.clz32(members.at(-1) ?? 0) + 24
  if (members.byteLength > 0 && last >= memberCount) throw malformed(`names member ${last} of ${memberCount}`)
  const count = packed.byteLength / NAMED_BYTES
  if (!Number.isInteger(count)) throw malformed(`${packed.byteLength} bytes are not a list of heads`)
  const most = maxCosignedOthers(memberCount)
  if (count > most)
    throw new ProtocolError(
      'E_TOO_LARGE',
      `head message: co-signs ${count} heads of other rounds, a run of ${memberCount} members allows ${most}`,
    )
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  const others: NamedHead[] = []
  for (let k = 0; k < count; k++) {
    const member = view.getUint32(NAMED_BYTES * k)
    const height = view.getUint32(NAMED_BYTES * k + 4)
    const before = others.at(-1)
    if (member >= memberCount) throw malformed(`names member ${member} of ${memberCount}`)
    if (
      before !== undefined &&
      (before.member > member || (before.member === member && before.height >= height))
    )
      throw malformed('co-signed heads are not in order of member and height')
    others.push({ member, height })
  }
  return { round, members, others, size: size + count }
}

function ones(byte: number): number {
  let count = 0
  for (let rest = byte; rest > 0; rest &= rest - 1) count += 1
  return count
}

function malformed(what: string): ProtocolError {
  return new ProtocolError('E_MALFORMED', `head message: ${what}`)
}
