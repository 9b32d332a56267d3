import { createRng } from '@tempered/robust-agg/rng'
import { dealingPlan } from '@tempered/secagg'
import { expect, it } from 'vitest'
import { playPrivateRound } from '../../../src/gradient-inversion/private-round.js'
import { product, standardised } from '../../../src/gradient-inversion/similarity.js'

const [MEMBERS, THRESHOLD, LENGTH, RANGE] = [8, 2, 400, 4]
const plan = dealingPlan({ members: MEMBERS, threshold: THRESHOLD, parameterCount: LENGTH, range: RANGE })
/** One unit of the encoding. */
const UNIT = 2 ** -plan.encoding.scale
const reference = Float32Array.from({ length: LENGTH }, (_, k) => Math.sin(k))

function modelsOf(seed: number): Float32Array[] {
  return Array.from({ length: MEMBERS }, (_, member) => {
    const rng = createRng(seed, member)
    return reference.map((value) => value + 0.1 * rng.normal())
  })
}

const models = modelsOf(1)
const round = playPrivateRound({ models, reference, plan, seed: 1 })
const differenceOf = (member: number) => Float64Array.from(models[member], (value, k) => value - reference[k])

it('opens the mean and the distances, and shortens nothing within the range', () => {
  for (const [k, value] of round.mean.entries()) {
    const mean = models.reduce((sum, model) => sum + model[k], 0) / MEMBERS
    expect(Math.abs(value - mean)).toBeLessThan(UNIT + 1e-6)
  }
  const distance = Math.hypot(...models[1].map((value, k) => value - models[5][k]))
  expect(Math.abs(round.distance(1, 5) - distance)).toBeLessThan(UNIT * Math.sqrt(LENGTH))
  expect([round.distance(5, 1), round.distance(3, 3)]).toEqual([round.distance(1, 5), 0])
  expect(round.shortened).toEqual([])
  const loud = models.map((model, member) => (member === 4 ? model.map((value) => 9 * value) : model))
  expect(playPrivateRound({ models: loud, reference, plan, seed: 1 }).shortened).toEqual([4])
})

it('one share more than the threshold is the model; the threshold is noise', () => {
  const exact = differenceOf(0)
  const enough = round.interpolated(0, [7, 6, 5])
  for (const [k, value] of enough.entries()) expect(Math.abs(value - exact[k])).toBeLessThan(UNIT + 1e-6)
  const correlation = product(standardised(round.interpolated(0, [7, 6])), standardised(exact))
  // Of 400 independent numbers: a standard deviation of 0.05.
  expect(Math.abs(correlation)).toBeLessThan(0.2)
})

it('for the threshold every model is as good an explanation of the shares as any other', () => {
  // Two models, and the shares that members 6 and 7 hold of each with many seeds: the top bit of the shares is a fair coin for
  // both, and says nothing about which it was.
  const heads = [1, 2].map((version) => {
    const versions = modelsOf(version)
    let ones = 0
    for (let seed = 0; seed < 10; seed++)
      for (const share of playPrivateRound({ models: versions, reference, plan, seed }).sharesOf(0, [7, 6]))
        for (const element of share) ones += Number(element >> 60n)
    return ones / (10 * 2 * LENGTH)
  })
  // Four standard deviations of 8,000 throws; fixed by the seeds.
  for (const share of heads) expect(Math.abs(share - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / 8_000))
})

it('a pair that deals models of its choice reads one number of another model from the distances', () => {
  // Known and documented: distances are open, so ⟨x, q⟩ = (‖x‖² + ‖q‖² − ‖x − q‖²)/2 is, for a q that a member deals.
  const place = 123
  const probe = reference.map((value, k) => (k === place ? value + 1 : value))
  const lying = models.map((model, member) => (member === 7 ? reference : member === 6 ? probe : model))
  const { distance } = playPrivateRound({ models: lying, reference, plan, seed: 1 })
  const read = (distance(0, 7) ** 2 + 1 - distance(0, 6) ** 2) / 2
  expect(Math.abs(read - differenceOf(0)[place])).toBeLessThan(4 * UNIT)
})
