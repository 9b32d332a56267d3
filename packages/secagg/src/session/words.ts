/** What the members of a group have said in a round, by kind and by their places. */

import { type GroupWordKind, groupWordsContradict, type SignedGroupWord, sha256 } from '@tempered/protocol'
import type { Answer } from '../dealing/answer.js'
import { bytesOf, DEGREE_POINTS, elementsIn } from '../dealing/parcel.js'
import { RANGE_ROWS } from '../dealing/range-test.js'
import { SecaggError } from '../errors.js'
import { ELEMENT_BYTES } from '../field/field.js'
import type { PrivateGroup } from './private-group.js'

/** One word of each kind per member: the first that arrived. */
export class GroupWords {
  private readonly byKind = new Map<GroupWordKind, Map<number, SignedGroupWord>>()
  private readonly group: PrivateGroup

  constructor(group: PrivateGroup, words: Iterable<SignedGroupWord> = []) {
    this.group = group
    for (const word of words) this.add(word)
  }

  /**
   * Takes a word of this group and round, whose signature was checked. Gives the word that it contradicts, if any; then it is
   * not kept.
   */
  add(word: SignedGroupWord): SignedGroupWord | 'new' | 'known' | 'foreign' {
    const { author, kind, round } = word.body
    const place = this.group.placeOf(author)
    if (place === undefined || round !== this.group.round) return 'foreign'
    const said = this.byKind.get(kind) ?? new Map<number, SignedGroupWord>()
    this.byKind.set(kind, said)
    const known = said.get(place)
    if (known === undefined) {
      said.set(place, word)
      return 'new'
    }
    return groupWordsContradict(known, word) ? known : 'known'
  }

  of<K extends GroupWordKind>(kind: K): ReadonlyMap<number, SignedGroupWord<K>> {
    return (this.byKind.get(kind) ?? new Map()) as ReadonlyMap<number, SignedGroupWord<K>>
  }

  /** All of them, by kind and place. */
  all(): SignedGroupWord[] {
    const kinds: GroupWordKind[] = [
      ...(['deal', 'answers', 'complaint', 'distances', 'masked'] as const),
      ...(['vote', 'opening', 'combined'] as const),
    ]
    return kinds.flatMap((kind) => [...this.of(kind)].sort(([a], [b]) => a - b).map(([, word]) => word))
  }
}

/** The name of a dealing: SHA-256 of the dealer's signed word. */
export const dealDigest = (word: SignedGroupWord): Uint8Array => sha256(word.bytes)

export const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

export function encodeAnswer({ degree, range, nothing }: Answer): Uint8Array {
  return bytesOf([...degree, ...range, nothing])
}

/** Undefined for bytes that are no answer. */
export function decodeAnswer(bytes: Uint8Array): Answer | undefined {
  const values = valuesIn(bytes, DEGREE_POINTS + RANGE_ROWS + 1)
  return (
    values && {
      degree: values.slice(0, DEGREE_POINTS),
      range: values.slice(DEGREE_POINTS, -1),
      nothing: values[values.length - 1],
    }
  )
}

export const encodeValues = (values: readonly bigint[]): Uint8Array => bytesOf([...values])

/** So many elements; undefined for bytes that are not that. */
export function valuesIn(bytes: Uint8Array, count: number): bigint[] | undefined {
  if (bytes.length !== count * ELEMENT_BYTES) return undefined
  try {
    return Array.from(elementsIn(bytes))
  } catch (error) {
    if (error instanceof SecaggError) return undefined
    throw error
  }
}
