import { describe, expect, it } from 'vitest'
import { type Held, openParcel } from '../../src/dealing/answer.js'
import type { DealingPlan } from '../../src/dealing/dealing-plan.js'
import { decodeMean, encodeModel } from '../../src/encoding/fixed-point.js'
import { add, centred, P } from '../../src/field/field.js'
import { distanceShares, openDistances, pairsOf } from '../../src/opening/distances.js'
import { checkSum, sumPoints, sumShare, sumValues } from '../../src/opening/sum.js'
import { SecretStream } from '../../src/random/secret-stream.js'
import { openVector } from '../../src/sharing/deal.js'
import { CONTEXT, dealt, kernels, modelOf, planOf } from '../support/group.js'

/** A group in which everybody has dealt: what each member holds of each dealer, and what was dealt. */
function group(plan: DealingPlan) {
  const { members } = plan.scheme
  const dealings = Array.from({ length: members }, (_, dealer) => dealt(plan, dealer, 100 * dealer + 1))
  const held = Array.from(
    { length: members },
    (_, member) =>
      new Map<number, Held>(
        dealings.map(({ dealing: { parcels, hashes } }, dealer) => [
          dealer,
          openParcel(plan, { dealer, member, context: CONTEXT, hashes }, parcels[member], kernels),
        ]),
      ),
  )
  return { dealings, held }
}

const distance = (x: BigUint64Array, y: BigUint64Array): bigint =>
  x.reduce((sum, value, k) => sum + centred((value + P - y[k]) % P) ** 2n, 0n)

describe.each([
  ['nine, threshold two', planOf({ members: 9 })],
  ['thirteen, two secrets at once', planOf({ members: 13, threshold: 2, packed: 2 })],
])('a group of %s', (_, plan) => {
  const { scheme, encoding } = plan
  const { dealings, held } = group(plan)
  const dealers = [...held[0].keys()]
  const pairs = pairsOf(dealers)
  const said = new Map(held.map((one, member) => [member, distanceShares(one, kernels)]))
  const exact = pairs.map(([i, j]) => distance(dealings[i].elements, dealings[j].elements))

  it('opens the exact squared distances of its models', () => {
    expect(openDistances(scheme, said, pairs.length)).toEqual({ squared: exact, liars: [] })
  })

  it('opens them although some are silent, or as many lie as it can bear, who are named', () => {
    const quiet = new Map([...said].slice(0, scheme.productAgreeing))
    expect(openDistances(scheme, quiet, pairs.length)).toEqual({ squared: exact, liars: [] })
    const liars = [1, 4].slice(0, scheme.members - scheme.productAgreeing)
    const lied = new Map(
      [...said].map(([member, values]) => [
        member,
        liars.includes(member) ? values.map((value, at) => (at % 3 === 1 ? add(value, 7n) : value)) : values,
      ]),
    )
    expect(openDistances(scheme, lied, pairs.length)).toEqual({ squared: exact, liars })
    const short = new Map(said).set(2, [])
    expect(openDistances(scheme, short, pairs.length)).toEqual({ squared: exact, liars: [2] })
    quiet.delete(0)
    expect(() => openDistances(scheme, quiet, pairs.length)).toThrow(/it takes/)
  })

  it('has other values said for the same models each time, which open to the same distances', () => {
    const again = dealings.map(
      ({ elements }, dealer) => dealt(plan, dealer, 9_000 + 10 * dealer, elements).dealing,
    )
    const saidAgain = new Map(
      held.map((_, member) => {
        const parcels = again.map(({ parcels, hashes }, dealer): [number, Held] => [
          dealer,
          openParcel(plan, { dealer, member, context: CONTEXT, hashes }, parcels[member], kernels),
        ])
        return [member, distanceShares(new Map(parcels), kernels)]
      }),
    )
    expect(openDistances(scheme, saidAgain, pairs.length).squared).toEqual(exact)
    for (const [member, values] of saidAgain)
      for (const [at, value] of values.entries()) expect(value).not.toBe(said.get(member)![at])
  })

  it('opens the sum of some models with weights, by t + k of its members, whoever of the others lies', () => {
    const inSum = [0, 2, 3, 5]
    const weights = [3, 1, 2, 1]
    const points = sumPoints(new TextEncoder().encode('the models of 0, 2, 3 and 5'))
    const shares = held.map((one) =>
      sumShare(
        inSum.map((dealer) => one.get(dealer)!),
        weights,
        kernels,
      ),
    )
    const values = new Map(shares.map((share, member) => [member, sumValues(share, points, kernels)]))
    expect(checkSum(scheme, values, points).liars).toEqual([])
    values.set(1, [1n, 2n])
    const { liars, isShareOf } = checkSum(scheme, values, points)
    expect(liars).toEqual([1])
    for (const [member, share] of shares.entries()) {
      expect(isShareOf(member, share, kernels)).toBe(true)
      const bent = share.slice()
      bent[member] = add(bent[member], 1n)
      expect(isShareOf(member, bent, kernels)).toBe(false)
      expect(isShareOf((member + 1) % shares.length, share, kernels)).toBe(false)
    }
    const openers = [2, 0, 6, 5, 3].slice(0, scheme.openers)
    const d = encoding.parameterCount
    const sum = openVector(scheme, new Map(openers.map((member) => [member, shares[member]])), d, kernels)
    const due = inSum.reduce(
      (total, dealer, k) =>
        total.map((value, at) => value + weights[k] * Number(centred(dealings[dealer].elements[at]))),
      Array.from({ length: d }, () => 0),
    )
    expect(Array.from(sum, (value) => Number(centred(value)))).toEqual(due)
    const mean = new Float32Array(d)
    const zero = new Float32Array(d)
    decodeMean(encoding, sum, 7, zero, mean)
    const models = inSum.map((dealer) => modelOf(plan, 100 * dealer + 1))
    for (let at = 0; at < d; at++) {
      const wanted = models.reduce((total, model, k) => total + (weights[k] * model[at]) / 7, 0)
      expect(Math.abs(mean[at] - wanted)).toBeLessThan(2 ** -encoding.scale)
    }
  })

  it('keeps models that are within the range, and shortens others', () => {
    const zero = new Float32Array(encoding.parameterCount)
    const near = modelOf(plan, 3, encoding.range / 2)
    const far = modelOf(plan, 3, 10 * encoding.range)
    const encode = (model: Float32Array) => encodeModel(encoding, model, zero, streamFor())
    expect(encode(near).shortened).toBe(1)
    const { elements, shortened } = encode(far)
    expect(shortened).toBeLessThan(0.2)
    const length = Math.sqrt(Number(elements.reduce((sum, value) => sum + centred(value) ** 2n, 0n)))
    expect(length).toBeLessThanOrEqual(encoding.length)
    expect(() => encode(zero.slice().fill(Number.NaN, 3, 4))).toThrow(/not finite/)
    expect(() => encode(zero.subarray(1))).toThrow(/are declared/)
  })
})

function streamFor() {
  return new SecretStream(new Uint8Array(32), 'rounding')
}
