/** Signatures that make a head final in a run of n members: ⌊2n/3⌋ + 1, including the author's own. */
export function finalityQuorum(members: number): number {
  return Math.floor((2 * members) / 3) + 1
}
