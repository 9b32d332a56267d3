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
  /** Fewer members answer than it takes. */
  | 'too-few-answers'
  /** The shares lie on no polynomial of the right degree, whichever members lie. */
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

/** @param answers - by member; those of members that say nothing are missing */
export function judgeDealing(
  { scheme, bounds }: DealingPlan,
  answers: ReadonlyMap<number, Answer>,
): DealingVerdict {
  const deviating = new Set<number>()
  const members = [...answers.keys()].sort((a, b) => a - b)
  /** The polynomial of one value of each answer. Throws SecaggError E_UNDECODABLE. */
  const through = (size: number, pick: (answer: Answer) => bigint) => {
    const said = members.filter((member) => !deviating.has(member))
    const points = said.map((member) => ({ x: pointOf(member), y: pick(answers.get(member)!) }))
    const { at, wrong } = decode(points, size, scheme.mostWrong - deviating.size)
    for (const place of wrong) deviating.add(said[place])
    return at
  }
  const end = (fault?: DealingFault): DealingVerdict => ({
    fault,
    deviating: [...deviating].sort((a, b) => a - b),
  })
  if (members.length < scheme.productOpeners) return end('too-few-answers')
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
    if (error instanceof SecaggError && error.code === 'E_UNDECODABLE') return end('inconsistent')
    throw error
  }
  return end()
}
