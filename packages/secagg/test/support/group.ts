import { type Answer, type Held, openParcel } from '../../src/dealing/answer.js'
import { type Dealing, dealModel, type Parcel } from '../../src/dealing/deal-model.js'
import { type DealingPlan, type DealingPlanInit, dealingPlan } from '../../src/dealing/dealing-plan.js'
import { encodeModel } from '../../src/encoding/fixed-point.js'
import { fieldKernels } from '../../src/field/choose-kernels.js'
import { streamOf } from './random.js'

export const kernels = fieldKernels()
export const CONTEXT = new TextEncoder().encode('a run, a round, a group, a dealer')

export const planOf = (init: Partial<DealingPlanInit> = {}): DealingPlan =>
  dealingPlan({ members: 7, threshold: 2, parameterCount: 100, range: 8, ...init })

/** A model whose numbers follow from a seed, about as long as `length`. */
export function modelOf(plan: DealingPlan, seed: number, length = 1): Float32Array {
  const d = plan.encoding.parameterCount
  const drawn = new Uint32Array(d)
  streamOf(seed).fill(new Uint8Array(drawn.buffer))
  return Float32Array.from(drawn, (value) => ((value / 2 ** 31 - 1) * length * Math.sqrt(3)) / Math.sqrt(d))
}

/** The encoded model of a member, and its dealing. */
export function dealt(
  plan: DealingPlan,
  dealer: number,
  seed: number,
  elements = encodeModel(
    plan.encoding,
    modelOf(plan, seed),
    new Float32Array(plan.encoding.parameterCount),
    streamOf(seed + 1),
  ).elements,
): { readonly elements: BigUint64Array; readonly dealing: Dealing } {
  return { elements, dealing: dealModel(plan, elements, dealer, CONTEXT, streamOf(seed + 2), kernels) }
}

/** What each member makes of its parcel; `other` changes what it gets. */
export function heldBy(
  plan: DealingPlan,
  dealer: number,
  { parcels, hashes }: Dealing,
  other: (member: number, parcel: Parcel) => Parcel = (_, parcel) => parcel,
): Held[] {
  return parcels.map((parcel, member) =>
    openParcel(plan, { dealer, member, context: CONTEXT, hashes }, other(member, parcel), kernels),
  )
}

export const answersOf = (held: readonly Held[]): Map<number, Answer> =>
  new Map(held.map(({ answer }, member) => [member, answer]))
