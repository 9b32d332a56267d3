/** What single rules promise beyond the common suite. */

import { describe, expect, test } from 'vitest'
import { createRule } from '../../../src/index.js'
import { bitsOf, cloud, distance, norm, ordinaryRound } from '../../support.js'

const vectors = (...rows: number[][]) => rows.map((row) => Float32Array.from(row))
const reasonsOf = (result: { verdicts: readonly { reason: string }[] }) =>
  result.verdicts.map((v) => v.reason)

describe('average', () => {
  test('honours mixing weights; my own is the remainder', () => {
    const [own, ...neighbours] = vectors([8], [16], [32])
    const result = createRule('average').aggregate({
      own,
      neighbours,
      round: 0,
      rounds: 1,
      weights: [0.25, 0.5],
    })
    expect(result.vector[0]).toBe(2 + 4 + 16)
    expect(result.ownWeight).toBe(0.25)
    expect(result.verdicts.map((verdict) => verdict.weight)).toEqual([0.25, 0.5])
  })

  test('is the undefended control: one attacker moves it far', () => {
    const round = ordinaryRound(6, 20)
    const attacker = round.own.map(() => 1e6)
    const { vector } = createRule('average').aggregate({
      ...round,
      neighbours: [...round.neighbours, attacker],
    })
    expect(distance(vector, round.own)).toBeGreaterThan(1e5)
  })
})

describe('balance', () => {
  const [own, onEdge, beyond] = vectors([4, 0], [4, 1], [4, 1.0000001])

  test('a distance equal to the threshold is accepted, one float32 above is not', () => {
    const result = createRule('balance', { gamma: 0.25 }).aggregate({
      own,
      neighbours: [onEdge, beyond],
      round: 0,
      rounds: 5,
    })
    expect(reasonsOf(result)).toEqual(['accepted', 'distance-above-threshold'])
    expect(result.verdicts[0]).toMatchObject({ score: 1, threshold: 1, weight: 0.5 })
    expect(Array.from(result.vector)).toEqual([4, 0.5])
  })

  test('the threshold shrinks by exp(−κ·t/T)', () => {
    const rule = createRule('balance', { gamma: 1, kappa: 2 })
    const at = (round: number) =>
      rule.aggregate({ own, neighbours: [onEdge], round, rounds: 4 }).verdicts[0].threshold
    expect(at(0)).toBe(4)
    expect(at(2)).toBeCloseTo(4 * Math.exp(-1), 12)
    expect(at(4)).toBeCloseTo(4 * Math.exp(-2), 12)
  })

  test('nothing accepted: kept bit for bit, even −0 and denormals', () => {
    const mine = Float32Array.of(-0, 1e-45, 3)
    const far = Float32Array.of(9, 9, 9)
    const result = createRule('balance').aggregate({ own: mine, neighbours: [far], round: 0, rounds: 1 })
    expect(bitsOf(result.vector)).toEqual(bitsOf(mine))
    expect(result.ownWeight).toBe(1)
  })

  test('alpha 1 never moves, alpha 0 adopts the mean of the accepted', () => {
    const input = { own, neighbours: [onEdge], round: 0, rounds: 1 }
    expect(createRule('balance', { alpha: 1 }).aggregate(input).vector).toEqual(own)
    expect(createRule('balance', { alpha: 0 }).aggregate(input).vector).toEqual(onEdge)
  })
})

describe('sketch-guard', () => {
  test('nobody accepted: own model kept, or with nearest = 1 the nearest sketch, at any distance', () => {
    const [own, farther, far] = vectors([1, 1], [-1e6, 7], [900, -900])
    const input = { own, neighbours: [farther, far], round: 0, rounds: 1 }
    const kept = createRule('sketch-guard').aggregate(input)
    expect(kept.vector).toEqual(own)
    expect(kept.ownWeight).toBe(1)
    const moved = createRule('sketch-guard', { nearest: 1 }).aggregate(input)
    expect(reasonsOf(moved)).toEqual(['distance-above-threshold', 'accepted'])
    expect(Array.from(moved.vector)).toEqual([450.5, -449.5])
    const alone = createRule('sketch-guard', { nearest: 1 }).aggregate({ ...input, neighbours: [] })
    expect(alone.vector).toEqual(own)
  })

  test('nearest = 1 changes nothing while somebody is accepted', () => {
    const round = ordinaryRound(6, 30)
    expect(createRule('sketch-guard', { nearest: 1 }).aggregate(round)).toEqual(
      createRule('sketch-guard').aggregate(round),
    )
  })
})

describe('clipped-gossip and cs-plus', () => {
  test('each neighbour moves the result by at most W·τ', () => {
    const round = ordinaryRound(6, 30)
    const attacker = round.own.map((value) => -1e30 * value)
    const neighbours = [attacker]
    const { vector, verdicts } = createRule('clipped-gossip', { tau: 0.5 }).aggregate({
      ...round,
      neighbours,
    })
    expect(verdicts[0].reason).toBe('clipped')
    expect(distance(vector, round.own)).toBeCloseTo(0.5 * 0.5, 5)
  })

  test('tau 0 keeps my own model bit for bit', () => {
    const round = ordinaryRound(4, 9)
    const own = round.own.slice().fill(-0, 0, 1)
    const neighbours = [...round.neighbours, own.slice()]
    const result = createRule('clipped-gossip', { tau: 0 }).aggregate({ ...round, own, neighbours })
    expect(bitsOf(result.vector)).toEqual(bitsOf(own))
    expect(reasonsOf(result).slice(0, 4)).toEqual(new Array(4).fill('distance-above-threshold'))
    expect(reasonsOf(result)[4]).toBe('accepted')
  })

  test('a radius above all distances is the plain average', () => {
    const round = ordinaryRound(5, 12)
    const clipped = createRule('clipped-gossip', { tau: 1e6 }).aggregate(round)
    expect(distance(clipped.vector, createRule('average').aggregate(round).vector)).toBeLessThan(1e-6)
  })

  test('the practical radius drops whole neighbours until they carry b, sums of weights compared with slack', () => {
    const [own, ...neighbours] = vectors([0], [1], [2], [4])
    const weights = [0.2, 0.1, 0.2]
    const threshold = (b: number) =>
      createRule('clipped-gossip', { b }).aggregate({ own, neighbours, round: 0, rounds: 1, weights })
        .verdicts[0].threshold
    expect(threshold(0.2)).toBeCloseTo(Math.sqrt((0.2 * 1 + 0.1 * 4) / 0.2), 12)
    expect(threshold(0.3)).toBeCloseTo(Math.sqrt((0.2 * 1) / 0.3), 12) // 0.2 + 0.1 counts as 0.3
    expect(threshold(0.25)).toBeCloseTo(Math.sqrt((0.2 * 1) / 0.25), 12)
    expect(threshold(0.5)).toBe(0)
    // In float64 0.7 + 0.1 is below 0.8; it still counts as 0.8, so the neighbour at distance 1 is kept.
    const uneven = { own, neighbours, round: 0, rounds: 1, weights: [0.1, 0.1, 0.7] }
    const { verdicts } = createRule('clipped-gossip', { b: 0.8 }).aggregate(uneven)
    expect(verdicts[0].threshold).toBeCloseTo(Math.sqrt(0.1 / 0.8), 12)
  })

  test('clipped-gossip, boundary 1: where the farthest weigh exactly b, one neighbour more is dropped', () => {
    const [own, ...neighbours] = vectors([0], [1], [2], [4])
    const input = { own, neighbours, round: 0, rounds: 1, weights: [0.2, 0.1, 0.2] }
    const radius = (b: number, boundary: number) =>
      createRule('clipped-gossip', { b, boundary }).aggregate(input).verdicts[0].threshold
    expect(radius(0.2, 0)).toBeCloseTo(Math.sqrt((0.2 * 1 + 0.1 * 4) / 0.2), 12)
    expect(radius(0.2, 1)).toBeCloseTo(1, 12)
    expect(radius(0.25, 1)).toBeCloseTo(Math.sqrt((0.2 * 1) / 0.25), 12)
    expect(radius(0.3, 1)).toBe(0)
  })

  // Boundary 1 by hand after `gts` of renaudgaucher/Byzantine-Robust-Gossip: with own weight 0.2, the sums are 0.2, 0.4,
  // 0.6, 0.8, 1. b = 0.25: 0.75 lies before the fourth, which keeps 0.05. b = 0.4: 0.6 is the third's, which keeps 0.
  test.each([
    [0.25, 0, 0.2 + 0.4],
    [0.25, 1, 0.2 + 0.4 + 0.05 * 4],
    [0.25, 2, 0.2 + 0.4 + 0.15 * 4],
    [0.4, 0, 0.2 + 0.4],
    [0.4, 1, 0.2],
    [0.4, 2, 0.2 + 0.4],
  ])('nna-weighted, b = %d: boundary %d gives %d', (b, boundary, expected) => {
    const [own, ...neighbours] = vectors([0], [4], [1], [8], [2])
    const input = { own, neighbours, round: 0, rounds: 1, weights: [0.2, 0.2, 0.2, 0.2] }
    const { vector, ownWeight, verdicts } = createRule('nna-weighted', { b, boundary }).aggregate(input)
    expect(vector[0]).toBeCloseTo(expected, 6)
    expect(ownWeight + verdicts.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12)
    expect(verdicts.map(({ reason }) => reason === 'accepted')).toEqual(
      verdicts.map(({ weight }) => weight > 0),
    )
  })

  test('nna-weighted: boundary 2 leaves out f neighbours for b = f/n, boundary 1 one more', () => {
    for (let n = 5; n <= 30; n++) {
      for (let f = 1; 2 * f < n - 1; f++) {
        const neighbours = Array.from({ length: n - 1 }, (_, j) => Float32Array.of(j + 1))
        const input = { own: Float32Array.of(0), neighbours, round: 0, rounds: 1 }
        const dropped = [0, 1, 2].map(
          (boundary) =>
            createRule('nna-weighted', { b: f / n, boundary })
              .aggregate(input)
              .verdicts.filter(({ weight }) => weight < 1e-9).length,
        )
        expect(dropped, `f = ${f}, n = ${n}`).toEqual([f, f + 1, f])
      }
    }
  })

  test("cs-plus: the radius is a neighbour's distance with weight 2b strictly beyond it", () => {
    const [own, ...neighbours] = vectors([0], [1], [2], [2], [4])
    const radius = (b: number) =>
      createRule('cs-plus', { b }).aggregate({ own, neighbours, round: 0, rounds: 1 }).verdicts[0].threshold
    expect(radius(0)).toBe(4)
    expect(radius(0.1)).toBe(2)
    expect(radius(0.11)).toBe(1)
    expect(radius(0.3)).toBe(1)
    expect(radius(0.31)).toBe(0)
  })

  test('cs-plus: eta scales the step', () => {
    const round = ordinaryRound(6, 10)
    const full = createRule('cs-plus', { b: 0.1 }).aggregate(round).vector
    const half = createRule('cs-plus', { b: 0.1, eta: 0.5 }).aggregate(round).vector
    expect(distance(half, round.own)).toBeCloseTo(distance(full, round.own) / 2, 5)
  })
})

describe('krum and multi-krum', () => {
  const honest = vectors([0, 0], [0.1, 0], [0, 0.1], [0.1, 0.1], [0.05, 0.05])
  const attackers = vectors([9, 9], [9, 9.01])

  test('picks from the cluster, not the attackers; scores and threshold agree', () => {
    const neighbours = [...honest.slice(1), ...attackers]
    const result = createRule('krum', { f: 2 }).aggregate({ own: honest[0], neighbours, round: 0, rounds: 1 })
    expect(result.vector).toEqual(honest[4])
    expect(reasonsOf(result)).toEqual([
      ...new Array(3).fill('not-selected'),
      'accepted',
      'not-selected',
      'not-selected',
    ])
    const { score, threshold } = result.verdicts[3]
    expect(score).toBe(threshold)
    for (const verdict of result.verdicts) expect(verdict.score).toBeGreaterThanOrEqual(score ?? Number.NaN)
  })

  test('f left out is the most that the live models allow', () => {
    const input = { own: honest[0], neighbours: [...honest.slice(1), ...attackers], round: 0, rounds: 1 }
    expect(createRule('krum').aggregate(input)).toEqual(createRule('krum', { f: 2 }).aggregate(input))
    const fewer = { ...input, neighbours: input.neighbours.slice(1) }
    expect(createRule('krum').aggregate(fewer)).toEqual(createRule('krum', { f: 1 }).aggregate(fewer))
  })

  test('neighbours died: with too few for f my own model is kept', () => {
    const input = { own: honest[0], neighbours: honest.slice(1), round: 0, rounds: 1 }
    for (const name of ['krum', 'multi-krum']) {
      const result = createRule(name, { f: 2 }).aggregate(input)
      expect(reasonsOf(result)).toEqual(new Array(4).fill('too-few-models'))
      expect([result.ownWeight, result.vector]).toEqual([1, honest[0]])
    }
  })

  test('exact ties go to the lower index', () => {
    const square = vectors([0, 0], [0, 1], [1, 0], [1, 1])
    const input = { own: square[0], neighbours: square.slice(1), round: 0, rounds: 1 }
    expect(createRule('krum', { f: 0 }).aggregate(input).ownWeight).toBe(1)
    const multi = createRule('multi-krum', { f: 0, m: 2 }).aggregate(input)
    expect([multi.ownWeight, ...multi.verdicts.map((verdict) => verdict.weight)]).toEqual([0.5, 0.5, 0, 0])
  })

  test('multi-krum leaves the attackers out; m above n − f is cut in a round', () => {
    const input = { own: honest[0], neighbours: [...honest.slice(1), ...attackers], round: 0, rounds: 1 }
    const result = createRule('multi-krum', { f: 2, m: 50 }).aggregate(input)
    expect(norm(result.vector)).toBeLessThan(0.1)
    expect(reasonsOf(result).slice(4)).toEqual(['not-selected', 'not-selected'])
  })
})

describe('nna', () => {
  test('drops the f farthest, and f left out is ⌊(n − 1)/2⌋', () => {
    const [own, ...neighbours] = vectors([0], [3], [1], [100], [-2])
    const input = { own, neighbours, round: 0, rounds: 1 }
    const result = createRule('nna', { f: 1 }).aggregate(input)
    expect(reasonsOf(result)).toEqual(['accepted', 'accepted', 'not-selected', 'accepted'])
    expect(result.vector[0]).toBeCloseTo(0.5, 6)
    expect(result.verdicts[0].threshold).toBe(3)
    expect(createRule('nna').aggregate(input)).toEqual(createRule('nna', { f: 2 }).aggregate(input))
    expect(reasonsOf(createRule('nna', { f: 3 }).aggregate(input))).toEqual(
      new Array(4).fill('too-few-models'),
    )
  })
})

describe('coordinatewise rules', () => {
  test('median: odd and even numbers, zeros of both signs', () => {
    const run = (...rows: number[][]) => {
      const [own, ...neighbours] = vectors(...rows)
      return createRule('median').aggregate({ own, neighbours, round: 0, rounds: 1 }).vector
    }
    expect(Array.from(run([5, -1], [1, -3], [2, -2]))).toEqual([2, -2])
    expect(Array.from(run([1], [2], [4], [100]))).toEqual([3])
    expect(bitsOf(run([0], [-0], [-0]))).toEqual(bitsOf(Float32Array.of(-0)))
    expect(bitsOf(run([-0], [0], [0]))).toEqual(bitsOf(Float32Array.of(0)))
  })

  test('trimmed mean with the default f is the median', () => {
    const round = ordinaryRound(8, 50)
    expect(createRule('trimmed-mean').aggregate(round)).toEqual(createRule('median').aggregate(round))
    const result = createRule('trimmed-mean', { f: 5 }).aggregate(round)
    expect(reasonsOf(result)).toEqual(new Array(8).fill('too-few-models'))
  })
})

describe('wfagg', () => {
  test('D and C each keep m − f − 1, one at least; without a past both must', () => {
    const own = Float32Array.of(1, 1)
    // Distances and angles to the median (1, 1) in the same order.
    const neighbours = vectors([1, 1], [1, 1.1], [1, 0.8], [1, 1.4], [1, 0.2])
    const kept = (f: number) =>
      createRule('wfagg', { f })
        .aggregate({ own, neighbours, round: 0, rounds: 1 })
        .verdicts.flatMap(({ accepted }, j) => (accepted ? [j] : []))
    expect(kept(0)).toEqual([0, 1, 2, 3])
    expect(kept(1)).toEqual([0, 1, 2])
    expect(kept(2)).toEqual([0, 1])
    const two = createRule('wfagg', { f: 0 }).aggregate({
      own,
      neighbours: neighbours.slice(0, 1),
      round: 0,
      rounds: 1,
    })
    expect(two.verdicts[0]).toMatchObject({ accepted: true, weight: 0.5 })
  })
})

describe('fltrust', () => {
  test('a attacker a hair away from the start of the training cannot blow up the coordinates where it agrees', () => {
    const previous = Float32Array.of(0, 50, -3)
    const own = Float32Array.of(0.5, 50.5, -3)
    const attacker = Float32Array.of(1e-45, 50, -3)
    const { vector, verdicts } = createRule('fltrust').aggregate({
      own,
      previous,
      neighbours: [attacker],
      round: 0,
      rounds: 1,
    })
    expect(verdicts[0].accepted).toBe(true)
    expect(distance(vector, previous)).toBeLessThanOrEqual(distance(own, previous) * (1 + 1e-6))
    expect(Array.from(vector.subarray(1))).toEqual([50, -3])
  })
})

describe('iterative rules', () => {
  test('geometric median: a model of huge norm does not spoil the distances between the others', () => {
    const round = ordinaryRound(6, 40)
    const rule = createRule('geometric-median', { steps: 50 })
    const clean = rule.aggregate(round).vector
    for (const size of [1e8, 1e20, 1e38]) {
      const attacker = round.own.map(() => size)
      const { vector } = rule.aggregate({ ...round, neighbours: [...round.neighbours, attacker] })
      expect(distance(vector, clean)).toBeLessThan(0.5)
    }
  })

  test('geometric median on a line of three goes to the middle one', () => {
    const [own, ...neighbours] = vectors([0], [1], [50])
    const rule = createRule('geometric-median', { nu: 1e-6, steps: 500 })
    expect(rule.aggregate({ own, neighbours, round: 0, rounds: 1 }).vector[0]).toBeCloseTo(1, 3)
  })

  test('centred clipping: from my own model when previous is absent or not finite; bounded by steps·τ', () => {
    const round = ordinaryRound(6, 40)
    const rule = createRule('centred-clipping', { tau: 0.3, steps: 2 })
    const plain = rule.aggregate(round)
    const broken = rule.aggregate({ ...round, previous: new Float32Array(40).fill(Number.NaN) })
    expect(bitsOf(broken.vector)).toEqual(bitsOf(plain.vector))
    expect(bitsOf(rule.aggregate({ ...round, previous: round.own.slice() }).vector)).toEqual(
      bitsOf(plain.vector),
    )
    expect(plain.verdicts.reduce((sum, verdict) => sum + verdict.weight, plain.ownWeight)).toBeCloseTo(1, 12)
    const previous = cloud('previous', 40, 5)
    expect(distance(rule.aggregate({ ...round, previous }).vector, previous)).toBeLessThanOrEqual(0.6 + 1e-5)
  })
})
