import type { PrivateDeviation } from '@tempered/node'
import { type GroupWordBody, sha256 } from '@tempered/protocol'

/**
 * Nodes that train honestly but do not keep to the protocol of private rounds. In a run that is not private they are honest.
 */
export const PRIVATE_ATTACKS: Readonly<Record<string, string>> = {
  'private-silence': 'deals its model in a private round and then says nothing more',
  'private-withholding': 'gives its shares to every second member of its group only',
  'private-inconsistent-shares': 'gives each member of its group a share of something else',
  'private-wrong-parcel': 'gives one member of its group another share than its polynomial has',
  'private-wrong-answers': 'says wrong things about the shares that it holds',
  'private-wrong-distances': 'says wrong things about the distances between models',
  'private-wrong-opening': 'says wrong things about its share of the sum',
  'private-wrong-share': 'gives others a wrong share of the sum',
}

export function isPrivateAttack(name: string): boolean {
  return Object.hasOwn(PRIVATE_ATTACKS, name)
}

/** A warning about an attack on private rounds in a run that has none, whose nodes are honest then; undefined for others. */
export function idlePrivateAttackWarning(attack: string, isPrivate: boolean): string | undefined {
  if (isPrivate || !isPrivateAttack(attack)) return undefined
  return `the attack ${attack} acts on private rounds, and the run has none: its nodes are honest (set \`privacy\`)`
}

/** @param active whether the node attacks in a round, counted from 0 */
export function createPrivateAttack(name: string, active: (round: number) => boolean): PrivateDeviation {
  switch (name) {
    case 'private-silence':
      return saying(active, (body) => (body.kind === 'deal' ? body : undefined))
    case 'private-withholding':
      return { serves: (round, holder) => !active(round) || holder % 2 === 0 }
    case 'private-inconsistent-shares':
      return bending(active, () => true)
    case 'private-wrong-parcel':
      return bending(active, (holder, self, members) => holder === (self + members - 1) % members)
    case 'private-wrong-answers':
      return saying(active, (body) =>
        body.kind === 'answers'
          ? { ...body, about: body.about.map((about) => ({ ...about, values: bent(about.values) })) }
          : body,
      )
    case 'private-wrong-distances':
      return saying(active, (body) =>
        body.kind === 'distances' ? { ...body, values: bent(body.values) } : body,
      )
    case 'private-wrong-opening':
      return saying(active, (body) =>
        body.kind === 'opening' ? { ...body, values: bent(body.values) } : body,
      )
    default:
      return { share: (round, share) => (active(round) ? bent(share) : share) }
  }
}

function saying(
  active: (round: number) => boolean,
  change: (body: GroupWordBody) => GroupWordBody | undefined,
): PrivateDeviation {
  return { say: (body) => (active(body.round) ? change(body) : body) }
}

/** Changes the shares of some holders, with their hashes. */
function bending(
  active: (round: number) => boolean,
  isBent: (holder: number, self: number, members: number) => boolean,
): PrivateDeviation {
  return {
    deal(dealing, { round, members }, self) {
      if (!active(round)) return dealing
      const parcels = dealing.parcels.map((parcel, holder) =>
        holder !== self && isBent(holder, self, members.length)
          ? { ...parcel, vector: bent(parcel.vector) }
          : parcel,
      )
      return { ...dealing, parcels, vectorHashes: parcels.map(({ vector }) => sha256(vector)) }
    },
  }
}

/** Other numbers that are still below 2⁶¹ − 1: the lowest bit of each is flipped. */
const bent = (bytes: Uint8Array): Uint8Array => bytes.map((byte, k) => (k % 8 === 0 ? byte ^ 1 : byte))
