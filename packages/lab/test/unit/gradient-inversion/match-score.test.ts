import { createRng } from '@tempered/robust-agg/rng'
import { describe, expect, it } from 'vitest'
import { blindLabelAccuracy, labelAccuracy, matchScore } from '../../../src/gradient-inversion/match-score.js'
import { product, standardised } from '../../../src/gradient-inversion/similarity.js'

function noise(count: number, purpose: string): Float64Array[] {
  const rng = createRng(3, purpose)
  return Array.from({ length: count }, () => Float64Array.from({ length: 50 }, () => rng.uniform()))
}

const raw = noise(40, 'candidates')
const all = raw.map(standardised)
const pool = { targets: all.slice(0, 4), decoys: all.slice(4) }

it('correlation does not see brightness and contrast, and an image of one colour is like no other', () => {
  const [image] = noise(1, 'one')
  const other = image.map((value) => 3 * value + 20)
  expect(product(standardised(image), standardised(other))).toBeCloseTo(1, 12)
  expect(product(standardised(image), standardised(other.map((value) => -value)))).toBeCloseTo(-1, 12)
  expect(Array.from(standardised(new Float64Array(5).fill(0.1)))).toEqual([0, 0, 0, 0, 0])
})

it('reconstructions of targets match, those of decoys do not', () => {
  const exact = matchScore([raw[0], raw[2], raw[2]], pool)
  expect(exact).toEqual({ reconstructions: 3, matched: 1, chance: 0.1, recovered: 0.5, decoysRecovered: 0 })
  const wrong = matchScore([raw[4], raw[0]], pool)
  expect(wrong).toMatchObject({ matched: 0.5, recovered: 0.25, decoysRecovered: 1 / 36 })
  expect(matchScore([], pool)).toMatchObject({ reconstructions: 0, matched: null, recovered: 0 })
})

it('a slight disturbance is a recovery, half noise matches but is none', () => {
  const [spoiler] = noise(1, 'spoiler')
  const mixed = (share: number) => raw[1].map((value, k) => (1 - share) * value + share * spoiler[k])
  expect(matchScore([mixed(0.1)], pool)).toMatchObject({ matched: 1, recovered: 0.25 })
  expect(matchScore([mixed(0.5)], pool)).toMatchObject({ matched: 1, recovered: 0 })
})

it('noise matches as often as chance says', () => {
  const { matched, chance, recovered } = matchScore(noise(2_000, 'guesses'), pool)
  // Four standard deviations of a share of 2,000; the numbers are fixed by their seed.
  expect(Math.abs(matched! - chance)).toBeLessThan(4 * Math.sqrt((chance * (1 - chance)) / 2_000))
  expect(recovered).toBe(0)
})

it('labels are right whichever sample they belong to', () => {
  expect(labelAccuracy([2, 0, 2], [2, 0, 2])).toBe(1)
  expect(labelAccuracy([4, 0, 0], [2, 0, 2])).toBe(0.5)
  expect(labelAccuracy([0, 4, 0], [2, 0, 2])).toBe(0)
})

it.each([[[1, 0, 0]], [[3, 1, 0]], [[2, 2, 4]], [[5, 0, 0]]])(
  'blind guesses of %j are right as often as all of them are on average',
  (counts) => {
    const samples = counts.reduce((a, b) => a + b, 0)
    const least = Math.floor(samples / 3)
    const guesses = [0, 1, 2, 3, 4, 5, 6, 7]
      .map((bits) => [0, 1, 2].map((c) => least + ((bits >> c) & 1)))
      .filter((guess) => guess.reduce((a, b) => a + b, 0) === samples)
    const mean = guesses.reduce((sum, guess) => sum + labelAccuracy(guess, counts), 0) / guesses.length
    expect(blindLabelAccuracy(counts)).toBeCloseTo(mean, 12)
  },
)

describe('bad input is refused', () => {
  it.each<[string, RegExp, () => unknown]>([
    ['no target', /0 targets/, () => matchScore([], { ...pool, targets: [] })],
    ['no decoy', /0 decoys/, () => matchScore([], { ...pool, decoys: [] })],
    ['another size', /49 pixels.*50/, () => matchScore([raw[0].subarray(1)], pool)],
    ['other classes', /2 guessed classes/, () => labelAccuracy([1, 0], [1, 0, 0])],
  ])('%s', (_, message, call) => {
    expect(call).toThrow(
      expect.objectContaining({ code: 'E_USAGE', message: expect.stringMatching(message) }),
    )
  })
})
