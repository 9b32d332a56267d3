import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sized } from '../../../../test-support/tier.js'
import { fieldKernels } from '../../src/field/choose-kernels.js'
import { add } from '../../src/field/field.js'
import { addMasks, maskKeys, masksOf, pairSeed, undone } from '../../src/masks/pairwise-masks.js'
import { dealSeed, openSeed } from '../../src/masks/shared-seed.js'
import { SecretStream } from '../../src/random/secret-stream.js'
import { sharingScheme } from '../../src/sharing/scheme.js'
import { streamOf, vector } from '../support/random.js'

const kernels = fieldKernels()
const context = new TextEncoder().encode('a round of a group')
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

describe('masks', () => {
  it('cancel in the sum of all, and are taken off with the keys of those who are missing', () => {
    const cases = fc
      .record({ n: fc.integer({ min: 3, max: 6 }), seed: fc.nat(), missing: fc.nat() })
      .chain(({ n, seed, missing }) =>
        fc.record({
          n: fc.constant(n),
          seed: fc.constant(seed),
          missing: fc.constant(missing % (n + 1)),
          vectors: fc.array(vector(9), { minLength: n, maxLength: n }),
        }),
      )
    fc.assert(
      fc.property(cases, ({ n, seed, missing, vectors }) => {
        const random = streamOf(seed)
        const keys = vectors.map(() => maskKeys(random.bytes(32)))
        const own = vectors.map(() => random.bytes(32))
        const seedsOf = (member: number) =>
          new Map(
            keys.flatMap(({ open }, other): [number, Uint8Array][] =>
              other === member ? [] : [[other, pairSeed(keys[member], open, context)]],
            ),
          )
        const masked = vectors.map((one, member) =>
          addMasks(one, masksOf(member, seedsOf(member), own[member]), kernels),
        )
        // `n` stands for nobody.
        const there = vectors.flatMap((_, member) => (member === missing ? [] : [member]))
        const sum = new BigUint64Array(9)
        kernels.combine(
          there.map(() => 1n),
          there.map((member) => masked[member]),
          sum,
        )
        const left = there.flatMap((member) => [
          { seed: own[member], sign: 1 as const },
          ...(missing < n
            ? [
                {
                  seed: pairSeed(keys[missing], keys[member].open, context),
                  sign: missing > member ? (1 as const) : (-1 as const),
                },
              ]
            : []),
        ])
        const due = there.reduce(
          (total, member) => total.map((value, k) => add(value, vectors[member][k])),
          new BigUint64Array(9),
        )
        expect(addMasks(sum, undone(left), kernels)).toEqual(due)
        for (const member of there) expect(masked[member]).not.toEqual(vectors[member])
      }),
      { numRuns: sized(20, 400) },
    )
  })

  it('come from seeds that both of a pair know, other ones in another round', () => {
    fc.assert(
      fc.property(bytes32, bytes32, (a, b) => {
        const [one, other] = [a, b].map(maskKeys)
        const seed = pairSeed(one, other.open, context)
        expect(pairSeed(other, one.open, context)).toEqual(seed)
        expect(pairSeed(one, other.open, Uint8Array.of(1))).not.toEqual(seed)
      }),
      { numRuns: sized(20, 200) },
    )
    // The point of order 1: whatever the secret, the result is 0.
    expect(() => pairSeed(maskKeys(new Uint8Array(32).fill(7)), new Uint8Array(32), context)).toThrow()
  })
})

describe('32 secret bytes', () => {
  const scheme = sharingScheme(7, 2)

  it('come back from a few members, although one lies, who is named', () => {
    fc.assert(
      fc.property(bytes32, fc.nat(), (seed, random) => {
        const shares = new Map(dealSeed(scheme, seed, streamOf(random)).entries())
        const few = new Map([...shares].slice(random % 3, (random % 3) + 5))
        expect(openSeed(scheme, few)).toEqual({ seed, liars: [] })
        const liar = random % 7
        const said = new Map(shares).set(
          liar,
          shares.get(liar)!.map((value, k) => (k === 2 ? add(value, 1n) : value)),
        )
        expect(openSeed(scheme, said)).toEqual({ seed, liars: [liar] })
      }),
      { numRuns: sized(100, 10_000) },
    )
  })

  it('are not made up of numbers that are too large, or of too few shares', () => {
    const random = new SecretStream(new Uint8Array(32), 'test')
    const shares = dealSeed(scheme, new Uint8Array(32).fill(255), random)
    const shifted = new Map(shares.map((values, member) => [member, values.map((value) => add(value, 1n))]))
    expect(() => openSeed(scheme, shifted)).toThrow(/no 32 bytes/)
    expect(() => openSeed(scheme, new Map([[0, shares[0]]]))).toThrow(/it takes 5/)
    expect(openSeed(scheme, new Map([...shares.entries()]).set(3, [])).liars).toEqual([3])
  })
})
