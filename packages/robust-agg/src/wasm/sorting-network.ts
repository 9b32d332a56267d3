/**
 * Sorting networks for any number of rows, pruned to the ranks that are asked for, and the order in which to run their
 * comparators with few values at hand.
 */

/** The lesser of wires i and j goes to i and the greater to j; an output that nobody needs is not computed. */
export interface Comparator {
  readonly i: number
  readonly j: number
  readonly needsMin: boolean
  readonly needsMax: boolean
}

export interface Network {
  readonly comparators: readonly Comparator[]
  /** The wire that holds each rank in the end. */
  readonly wireOf: readonly number[]
}

/** Puts even places of both lists through one merge and odd places through another, then neighbours in order. */
function merge(xs: readonly number[], ys: readonly number[], pairs: [number, number][]): number[] {
  if (xs.length === 0 || ys.length === 0) return [...xs, ...ys]
  if (xs.length === 1 && ys.length === 1) {
    pairs.push([xs[0], ys[0]])
    return [xs[0], ys[0]]
  }
  const part = (list: readonly number[], parity: number): number[] => list.filter((_, k) => k % 2 === parity)
  const even = merge(part(xs, 0), part(ys, 0), pairs)
  const odd = merge(part(xs, 1), part(ys, 1), pairs)
  const merged = [even[0]]
  for (let k = 0; k < odd.length || k + 1 < even.length; k++) {
    if (k < odd.length && k + 1 < even.length) pairs.push([odd[k], even[k + 1]])
    if (k < odd.length) merged.push(odd[k])
    if (k + 1 < even.length) merged.push(even[k + 1])
  }
  return merged
}

/** Batcher's odd-even merge sort (Knuth, The Art of Computer Programming 3, section 5.3.4), one half after the other. */
function sort(wires: readonly number[], pairs: [number, number][]): number[] {
  if (wires.length < 2) return [...wires]
  const half = wires.length >> 1
  const low = sort(wires.slice(0, half), pairs)
  return merge(low, sort(wires.slice(half), pairs), pairs)
}

/** A network that sorts n wires. */
export function sortingNetwork(n: number): { pairs: readonly [number, number][]; wireOf: readonly number[] } {
  const pairs: [number, number][] = []
  const wireOf = sort(
    Array.from({ length: n }, (_, wire) => wire),
    pairs,
  )
  return { pairs, wireOf }
}

/** What the ranks from ≤ rank ≤ to depend on, found backwards from the end. */
export function prunedNetwork(n: number, from: number, to: number): Network {
  const { pairs, wireOf } = sortingNetwork(n)
  const needed = new Array<boolean>(n).fill(false)
  for (let rank = from; rank <= to; rank++) needed[wireOf[rank]] = true
  const kept: Comparator[] = []
  for (const [i, j] of pairs.toReversed()) {
    const [needsMin, needsMax] = [needed[i], needed[j]]
    if (!needsMin && !needsMax) continue
    needed[i] = true
    needed[j] = true
    kept.push({ i, j, needsMin, needsMax })
  }
  return { comparators: kept.reverse(), wireOf }
}

/** One move of a schedule: bring a wire to hand, put it away, drop it, or compare two at hand. */
export type Move =
  | { readonly kind: 'load'; readonly wire: number }
  | { readonly kind: 'store'; readonly wire: number }
  | { readonly kind: 'compare'; readonly comparator: Comparator }

/** Moves that are run for a whole strip before the next segment begins; nothing is at hand between segments. */
export interface Schedule {
  readonly segments: readonly (readonly Move[])[]
  /** The wires of `keep` that are still at hand after the last segment: all of them, or none. */
  readonly atHand: readonly number[]
}

/** What the scheduler keeps account of. */
class Hand {
  readonly moves: Move[] = []
  private readonly held = new Map<number, { dirty: boolean }>()
  private readonly uses = new Map<number, number[]>()
  private readonly wanted: ReadonlySet<number>

  constructor(comparators: readonly Comparator[], keep: readonly number[]) {
    this.wanted = new Set(keep)
    comparators.forEach(({ i, j }, position) => {
      for (const wire of [i, j]) this.uses.set(wire, [...(this.uses.get(wire) ?? []), position])
    })
  }

  has(wire: number): boolean {
    return this.held.has(wire)
  }

  /** The position of the next comparator on a wire, infinite when there is none. */
  nextUse(wire: number): number {
    return this.uses.get(wire)?.[0] ?? Number.POSITIVE_INFINITY
  }

  private live(wire: number): boolean {
    return this.nextUse(wire) < Number.POSITIVE_INFINITY || this.wanted.has(wire)
  }

  private putAway(wire: number): void {
    if (this.held.get(wire)?.dirty === true && this.live(wire)) this.moves.push({ kind: 'store', wire })
    this.held.delete(wire)
  }

  putAllAway(): void {
    for (const wire of [...this.held.keys()]) this.putAway(wire)
  }

  /** Brings a wire to hand; what has to make room is the one needed last, but not `other`. */
  bring(wire: number, other: number, registers: number): void {
    if (this.held.has(wire)) return
    if (this.held.size >= registers) {
      const candidates = [...this.held.keys()].filter((held) => held !== other)
      this.putAway(candidates.reduce((a, b) => (this.nextUse(b) > this.nextUse(a) ? b : a)))
    }
    this.moves.push({ kind: 'load', wire })
    this.held.set(wire, { dirty: false })
  }

  compare(comparator: Comparator): void {
    this.moves.push({ kind: 'compare', comparator })
    for (const wire of [comparator.i, comparator.j]) {
      this.uses.get(wire)?.shift()
      const computed = wire === comparator.i ? comparator.needsMin : comparator.needsMax
      if (computed && this.live(wire)) this.held.set(wire, { dirty: true })
      else this.held.delete(wire)
    }
  }
}

/**
 * The comparators in an order, with loads and stores between, in which at most `registers` wires are at hand at a time.
 * Comparators of which both wires are at hand come first, then those with one; otherwise the order of the network, whose
 * recursion is local by itself.
 *
 * @param segmentLength - comparators of a segment, about: the code of a segment should stay in the processor's cache of decoded
 *   instructions
 * @param keep - wires that are wanted at the end; they are stored unless they all fit
 */
export function schedule(
  { comparators }: Network,
  registers: number,
  segmentLength: number,
  keep: readonly number[],
): Schedule {
  const hand = new Hand(comparators, keep)
  const left = new Set(comparators.keys())
  const pick = (): number => {
    let [best, bestHeld] = [-1, -1]
    for (const position of left) {
      const { i, j } = comparators[position]
      if (hand.nextUse(i) !== position || hand.nextUse(j) !== position) continue
      const held = Number(hand.has(i)) + Number(hand.has(j))
      if (held > bestHeld) [best, bestHeld] = [position, held]
      if (bestHeld === 2) break
    }
    return best
  }
  const segments: Move[][] = []
  const segmentCount = Math.max(1, Math.round(comparators.length / segmentLength))
  for (let position = pick(); position >= 0; position = pick()) {
    const { i, j } = comparators[position]
    hand.bring(i, j, registers)
    hand.bring(j, i, registers)
    hand.compare(comparators[position])
    left.delete(position)
    const done = comparators.length - left.size
    if (left.size > 0 && done >= ((segments.length + 1) * comparators.length) / segmentCount) {
      hand.putAllAway()
      segments.push(hand.moves.splice(0))
    }
  }
  const atHand = keep.length <= registers && keep.every((wire) => hand.has(wire)) ? keep : []
  if (atHand.length === 0) hand.putAllAway()
  return { segments: [...segments, hand.moves], atHand }
}
