import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sized } from '../../../../test-support/tier.js'
import { fieldKernels } from '../../src/field/choose-kernels.js'
import { add, multiply, P, subtract } from '../../src/field/field.js'
import { dealVector, elementsOf, openVector, seededMembers, shareLength } from '../../src/sharing/deal.js'
import { decode } from '../../src/sharing/decode.js'
import { evaluate } from '../../src/sharing/polynomial.js'
import { pointOf, type Scheme, secretPoint, sharingScheme } from '../../src/sharing/scheme.js'
import { element, streamOf, vector } from '../support/random.js'

const kernels = fieldKernels()
const numRuns = sized(100, 4_000)

/** A scheme that fits, and a member that deals. */
const schemes: fc.Arbitrary<{ scheme: Scheme; dealer: number; seed: number }> = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), fc.nat(4), fc.nat(100), fc.nat())
  .map(([threshold, packed, more, dealer, seed]) => {
    const members = 2 * (threshold + packed) - 1 + more
    return { scheme: sharingScheme(members, threshold, packed), dealer: dealer % members, seed }
  })

const sharesOf = (scheme: Scheme, secret: BigUint64Array, dealer: number, seed: number) =>
  dealVector(scheme, secret, dealer, streamOf(seed), kernels).map((share) =>
    elementsOf(share, shareLength(scheme, secret.length), kernels),
  )

/** `count` of the members, drawn by a number. */
function some(members: number, count: number, seed: number): number[] {
  const all = Array.from({ length: members }, (_, k) => k)
  for (let k = all.length - 1; k > 0; k--) {
    const other = (seed * 7919 + k * 104_729) % (k + 1)
    ;[all[k], all[other]] = [all[other], all[k]]
  }
  return all.slice(0, count)
}

describe('shares of a vector', () => {
  it('open to it, whoever opens', () => {
    fc.assert(
      fc.property(schemes, vector(11), ({ scheme, dealer, seed }, secret) => {
        const shares = sharesOf(scheme, secret, dealer, seed)
        const openers = some(scheme.members, scheme.openers, seed)
        const chosen = new Map(openers.map((member) => [member, shares[member]]))
        expect(openVector(scheme, chosen, 11, kernels)).toEqual(secret)
      }),
      { numRuns },
    )
  })

  it('are seeds for as many as the threshold, never for the dealer', () => {
    fc.assert(
      fc.property(schemes, ({ scheme, dealer, seed }) => {
        const shares = dealVector(scheme, new BigUint64Array(3), dealer, streamOf(seed), kernels)
        const seeded = shares.flatMap(({ kind }, member) => (kind === 'seed' ? [member] : []))
        expect(new Set(seeded)).toEqual(new Set(seededMembers(scheme, dealer)))
        expect(seeded).toHaveLength(scheme.threshold)
        expect(seeded).not.toContain(dealer)
      }),
      { numRuns },
    )
  })

  it('of as many as the threshold fit every other secret as well', () => {
    fc.assert(
      fc.property(schemes, vector(4), element, ({ scheme, dealer, seed }, secret, other) => {
        const { threshold, packed, members } = scheme
        const shares = sharesOf(scheme, secret, dealer, seed)
        const size = shareLength(scheme, secret.length)
        // Any values at the points of the secrets and these shares lie on one polynomial of the right degree.
        const colluders = some(members, threshold, seed)
        for (let k = 0; k < size; k++) {
          const points = [
            ...Array.from({ length: packed }, (_, j) => ({ x: secretPoint(j), y: add(other, BigInt(j)) })),
            ...colluders.map((member) => ({ x: pointOf(member), y: shares[member][k] })),
          ]
          expect(points).toHaveLength(scheme.openers)
          expect(() => decode(points, scheme.openers)).not.toThrow()
        }
      }),
      { numRuns },
    )
  })

  it('add up, and their squared distances open from 2·(t + k) − 1 of them', () => {
    fc.assert(
      fc.property(schemes, vector(7), vector(7), ({ scheme, dealer, seed }, x, y) => {
        const a = sharesOf(scheme, x, dealer, seed)
        const b = sharesOf(scheme, y, (dealer + 1) % scheme.members, seed + 1)
        const points = a.map((share, member) => ({
          x: pointOf(member),
          y: kernels.pairwiseSquaredDistances([share, b[member]])[0],
        }))
        const { at, wrong } = decode(points, scheme.productOpeners)
        let opened = 0n
        for (let j = 0; j < scheme.packed; j++) opened = add(opened, at(secretPoint(j)))
        let distance = 0n
        for (let k = 0; k < x.length; k++) {
          const apart = subtract(x[k], y[k])
          distance = add(distance, multiply(apart, apart))
        }
        expect(opened).toBe(distance)
        expect(wrong).toEqual([])
      }),
      { numRuns },
    )
  })
})

describe('values of a polynomial', () => {
  const cases = fc
    .record({
      coefficients: fc.array(element, { minLength: 1, maxLength: 7 }),
      more: fc.nat(7),
      errors: fc.array(fc.tuple(fc.nat(50), fc.bigInt({ min: 1n, max: P - 1n })), { maxLength: 5 }),
      at: element,
    })
    .map(({ coefficients, more, errors, at }) => {
      const points = Array.from({ length: coefficients.length + more }, (_, k) => {
        const x = pointOf(k)
        return { x, y: evaluate(coefficients, x) }
      })
      const most = Math.floor(more / 2)
      const wrong = new Map(errors.map(([place, by]) => [place % points.length, by]))
      const said = points.map(({ x, y }, k) => ({ x, y: add(y, wrong.get(k) ?? 0n) }))
      return { coefficients, said, most, wrong: [...wrong.keys()].sort((a, b) => a - b), at }
    })

  it('are corrected, and the wrong ones named, while they are not too many', () => {
    fc.assert(
      fc.property(cases, ({ coefficients, said, most, wrong, at }) => {
        fc.pre(wrong.length <= most)
        const decoded = decode(said, coefficients.length)
        expect(decoded.wrong).toEqual(wrong)
        expect(decoded.at(at)).toBe(evaluate(coefficients, at))
      }),
      { numRuns },
    )
  })

  it('are never taken for those of the polynomial when more are wrong', () => {
    fc.assert(
      fc.property(cases, ({ coefficients, said, most, wrong }) => {
        fc.pre(wrong.length > most && said.length > coefficients.length)
        try {
          // Then it is another one, which at least all but `most` of them lie on.
          const decoded = decode(said, coefficients.length)
          expect(decoded.wrong.length).toBeLessThanOrEqual(most)
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_UNDECODABLE' })
        }
      }),
      { numRuns },
    )
  })

  it('that are too few are refused', () => {
    expect(() => decode([{ x: 1n, y: 1n }], 2)).toThrow(/1 values are there, and it takes 2/)
  })
})

describe('a scheme', () => {
  it.each([
    [8, 2, 1, 5, 5, 7],
    [10, 3, 1, 7, 7, 10],
    [32, 8, 4, 23, 20, 31],
    [3, 1, 1, 3, 3, 4],
  ])(
    'of %s members with threshold %s and packing %s',
    (members, threshold, packed, productOpeners, agreeing, productAgreeing) => {
      expect(sharingScheme(members, threshold, packed)).toMatchObject({
        productOpeners,
        agreeing,
        productAgreeing,
      })
    },
  )

  it.each([
    [4, 2, 1],
    [0, 1, 1],
    [5, 0, 1],
    [65, 1, 1],
    [5, 1.5, 1],
  ])('of %s members with threshold %s and packing %s is refused', (members, threshold, packed) => {
    expect(() => sharingScheme(members, threshold, packed)).toThrow(/E_SHARING_PARAMS|members/)
  })
})
