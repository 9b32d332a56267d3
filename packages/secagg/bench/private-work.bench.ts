/**
 * What a member of a group computes and sends in one private round, step by step, on one core: to deal its own model, to test and
 * open what it gets, to open distances, and to open a sum. No network. The yardstick is the same step without privacy: the
 * distances between the models and their mean, in float32.
 */

import { ed25519 } from '@noble/curves/ed25519.js'
import { createRule } from '@tempered/robust-agg'
import { type Held, isParcel, openParcel } from '../src/dealing/answer.js'
import { dealModel } from '../src/dealing/deal-model.js'
import { dealingPlan } from '../src/dealing/dealing-plan.js'
import { judgeDealing } from '../src/dealing/judge-dealing.js'
import { decodeMean, encodeModel } from '../src/encoding/fixed-point.js'
import { fieldKernels } from '../src/field/choose-kernels.js'
import { distanceShares, openDistances, pairsOf } from '../src/opening/distances.js'
import { checkSum, sumPoints, sumShare, sumValues } from '../src/opening/sum.js'
import { SecretStream } from '../src/random/secret-stream.js'
import { openVector } from '../src/sharing/deal.js'

export interface PrivateWorkRow {
  readonly members: number
  readonly threshold: number
  readonly parameterCount: number
  /** Milliseconds of one member. */
  readonly deal: number
  readonly test: number
  readonly distances: number
  readonly sum: number
  readonly total: number
  /** The same without privacy. */
  readonly plain: number
  /** What one member sends, in sizes of the plain model. */
  readonly sent: number
}

const SIZES: readonly (readonly [members: number, threshold: number])[] = [
  [4, 1],
  [8, 2],
  [16, 4],
  [32, 8],
]
const LENGTHS = [7_850, 109_386, 1_000_000]
const RANGE = 8

export function benchPrivateWork(): PrivateWorkRow[] {
  return SIZES.flatMap(([members, threshold]) =>
    LENGTHS.flatMap((parameterCount) =>
      // 32 dealings of 8 MB to 32 members do not fit into memory.
      members * members * parameterCount > 3e8 ? [] : [measure(members, threshold, parameterCount)],
    ),
  )
}

function measure(members: number, threshold: number, parameterCount: number): PrivateWorkRow {
  const kernels = fieldKernels()
  const plan = dealingPlan({ members, threshold, parameterCount, range: RANGE })
  const { scheme, encoding } = plan
  const context = new TextEncoder().encode('bench')
  const reference = new Float32Array(parameterCount)
  const models = Array.from({ length: members }, (_, k) => modelOf(parameterCount, k))
  const random = (k: number, purpose: string) => new SecretStream(new Uint8Array(32).fill(k), purpose)
  const dealOne = (dealer: number) => {
    const { elements } = encodeModel(encoding, models[dealer], reference, random(dealer, 'rounding'))
    return dealModel(plan, elements, dealer, context, random(dealer, 'deal'), kernels)
  }
  const dealings = models.map((_, dealer) => dealOne(dealer))
  const openOne = (member: number) =>
    new Map(
      dealings.map(({ parcels, hashes }, dealer): [number, Held] => {
        if (!isParcel(parcels[member], hashes[member])) throw new Error('a parcel is not that of its hash')
        return [dealer, openParcel(plan, { dealer, member, context, hashes }, parcels[member], kernels)]
      }),
    )
  const held = models.map((_, member) => openOne(member))
  const answersAbout = (dealer: number) =>
    new Map(held.map((one, member) => [member, one.get(dealer)!.answer]))
  const pairs = pairsOf([...held[0].keys()]).length
  const said = new Map(held.map((one, member) => [member, distanceShares(one, kernels)]))
  const weights = models.map(() => 1)
  const points = sumPoints(context)
  const shares = held.map((one) => sumShare([...one.values()], weights, kernels))
  const values = new Map(shares.map((share, member) => [member, sumValues(share, points, kernels)]))
  const mean = new Float32Array(parameterCount)
  const rule = createRule('multi-krum', { f: Math.max(1, Math.floor((members - 3) / 2)) })

  const deal = milliseconds(() => dealOne(0))
  const test = milliseconds(() => {
    openOne(0)
    for (let dealer = 0; dealer < members; dealer++) {
      const { fault } = judgeDealing(plan, answersAbout(dealer))
      if (fault !== undefined) throw new Error(fault)
    }
  })
  const distances = milliseconds(() => {
    distanceShares(held[0], kernels)
    openDistances(scheme, said, pairs)
  })
  const sum = milliseconds(() => {
    sumValues(sumShare([...held[0].values()], weights, kernels), points, kernels)
    const { isShareOf } = checkSum(scheme, values, points)
    const openers = new Map(shares.slice(0, scheme.openers).map((share, member) => [member, share]))
    for (const [member, share] of openers) if (!isShareOf(member, share, kernels)) throw new Error('no share')
    decodeMean(encoding, openVector(scheme, openers, parameterCount, kernels), members, reference, mean)
  })
  const plain = milliseconds(() => {
    rule.aggregate({ own: models[0], neighbours: models.slice(1), round: 0, rounds: 10 })
  })
  const dealt = dealings[0].parcels.reduce(
    (bytes, { vector, masks }, member) => bytes + (member === 0 ? 0 : vector.length + masks.length),
    0,
  )
  const answered = members * members * 8 * (dealings[0].parcels[0].masks.length / 8 + pairs / members)
  // Everybody fetches t shares of the sum, from everybody alike.
  const opened = threshold * shares[0].byteLength
  const sent = (dealt + answered + opened) / (4 * parameterCount)
  return {
    ...{ members, threshold, parameterCount, deal, test, distances, sum, plain, sent },
    total: deal + test + distances + sum,
  }
}

function modelOf(length: number, seed: number): Float32Array {
  const drawn = new Uint32Array(length)
  new SecretStream(new Uint8Array(32).fill(seed + 1), 'model').fill(new Uint8Array(drawn.buffer))
  return Float32Array.from(drawn, (value) => (value / 2 ** 31 - 1) / Math.sqrt(length))
}

/** The median of five runs, or of one that takes long. */
function milliseconds(work: () => void): number {
  const times: number[] = []
  for (let run = 0; run < 5; run++) {
    const start = performance.now()
    work()
    times.push(performance.now() - start)
    if (times[0] > 3_000) break
  }
  times.sort((a, b) => a - b)
  return times[times.length >> 1]
}

export interface VerifiableDealingRow {
  readonly members: number
  readonly threshold: number
  readonly parameterCount: number
  /** Milliseconds of a holder for the low-degree test of one dealing; a dealer only draws two masks. */
  readonly testHolder: number
  /** Seconds for Feldman's commitments, from the measured time of one exponentiation; and their size in plain models. */
  readonly feldmanDealer: number
  readonly feldmanHolder: number
  readonly feldmanModels: number
}

/**
 * What it costs that a holder can tell a share of a polynomial from any other numbers: our low-degree test, which evaluates each
 * share at two random points, and Feldman's commitments ("A practical scheme for non-interactive verifiable secret sharing",
 * FOCS 1987), which commit to each coefficient of each parameter's polynomial: t + 1 exponentiations per parameter for a dealer,
 * one and t + 1 short ones for a holder, and t + 1 group elements of 32 bytes per parameter.
 */
export function benchVerifiableDealing(): VerifiableDealingRow[] {
  const exponentiation =
    milliseconds(() => {
      for (let k = 0; k < 20; k++) ed25519.Point.BASE.multiply(BigInt(k + 1) * 2n ** 200n + 12_345n)
    }) / 20
  const short =
    milliseconds(() => {
      for (let k = 0; k < 20; k++) ed25519.Point.BASE.multiplyUnsafe(BigInt(k + 2))
    }) / 20
  return SIZES.map(([members, threshold]) => {
    const parameterCount = 109_386
    const kernels = fieldKernels()
    const share = new BigUint64Array(parameterCount).fill(123_456_789n)
    const points = sumPoints(new TextEncoder().encode('bench'))
    const evaluations = milliseconds(() => {
      for (const point of points) kernels.evaluate(share, point)
    })
    const coefficients = threshold + 1
    return {
      ...{ members, threshold, parameterCount },
      testHolder: evaluations,
      feldmanDealer: (parameterCount * coefficients * exponentiation) / 1000,
      feldmanHolder: (parameterCount * (exponentiation + coefficients * short)) / 1000,
      feldmanModels: (parameterCount * coefficients * 32) / (4 * parameterCount),
    }
  })
}
