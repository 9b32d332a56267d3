/** Whether a dealing is sound, from what members say about it. Everybody who has the same answers comes to the same result. */

import { SecaggError } from '../errors.js'
import { add } from '../field/field.js'
import { decode } from '../sharing/decode.js'
import { pointOf, secretPoint } from '../sharing/scheme.js'
import type { Answer } from './answer.js'
import type { DealingPlan } from './dealing-plan.js'
import { DEGREE_POINTS } from './parcel.js'
import { isShort, RANGE_ROWS } from './range-test.js'

export type DealingFault =
  /** Fewer members agree than it takes, and nobody can be blamed for it. */
  | 'too-few-answers'
  /** The shares lie on no polynomial of the right degree, whichever t members lie. */
  | 'inconsistent'
  /** The vector is too long to be a model. */
  | 'out-of-range'
  /** Shares of nothing are of something. */
  | 'not-nothing'

export interface DealingVerdict {
  /** Undefined for a sound dealing. */
  readonly fault: DealingFault | undefined
  /**
   * Members whose answers do not fit those of the others, in order. Either they lie, or the dealer has given them something
   * else: a member that publishes its parcel shows which.
   */
  readonly deviating: readonly number[]
}

/**
 * A polynomial counts when so many answers are on it that honest members alone determine it, whatever t others say. So an honest
 * dealer's shares are never found to be anything else than they are: with too few answers nothing is found at all.
 *
 * @param answers - by member; those of members that say nothing are missing
 */
export function judgeDealing(
  { scheme, bounds }: DealingPlan,
  answers: ReadonlyMap<number, Answer>,
): DealingVerdict {
  const { threshold } = scheme
  const deviating = new Set<number>()
  const members = [...answers.keys()].sort((a, b) => a - b)
  /** The polynomial of one value of each answer. Throws Undecided. */
  const through = (size: number, pick: (answer: Answer) => bigint) => {
    const said = members.filter((member) => !deviating.has(member))
    const points = said.map((member) => ({ x: pointOf(member), y: pick(answers.get(member)!) }))
    try {
      const { at, wrong } = decode(points, size, threshold)
      for (const place of wrong) deviating.add(said[place])
      return at
    } catch (error) {
      if (!(error instanceof SecaggError && error.code === 'E_UNDECODABLE')) throw error
      // With so many answers the liars that are left could not have hidden an honest dealer's polynomial.
      const liars = Math.max(0, threshold - deviating.size)
      throw new Undecided(points.length >= size + 2 * liars && points.length - liars >= size + threshold)
    }
  }
  const end = (fault?: DealingFault): DealingVerdict => ({
    fault,
    deviating: [...deviating].sort((a, b) => a - b),
  })
  if (members.length < scheme.productAgreeing) return end('too-few-answers')
  try {
    for (let k = 0; k < DEGREE_POINTS; k++) through(scheme.openers, ({ degree }) => degree[k])
    const nothing = through(scheme.productOpeners, (answer) => answer.nothing)
    let total = 0n
    for (let j = 0; j < scheme.packed; j++) total = add(total, nothing(secretPoint(j)))
    if (total !== 0n) return end('not-nothing')
    for (let row = 0; row < RANGE_ROWS; row++) {
      const opened = through(scheme.openers, ({ range }) => range[row])
      for (let j = 0; j < scheme.packed; j++)
        if (!isShort(opened(secretPoint(j)), bounds)) return end('out-of-range')
    }
  } catch (error) {
    // Who deviates from what is not known then.
    if (error instanceof Undecided)
      return { fault: error.isDealers ? 'inconsistent' : 'too-few-answers', deviating: [] }
    throw error
  }
  return end()
}

/** No polynomial has enough answers. */
class Undecided extends Error {
  /** Whether only the dealer can be to blame. */
  readonly isDealers: boolean
  constructor(isDealers: boolean) {
    super('undecided')
    this.isDealers = isDealers
  }
}
