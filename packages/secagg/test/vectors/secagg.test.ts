/** Against secagg_vectors.py, which computes the same from the formulas, without this code and without any library. */

import { readFileSync } from 'node:fs'
import { sha256 } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { challengeOf } from '../../src/dealing/challenge.js'
import { projections } from '../../src/dealing/range-test.js'
import { encodeModel, fixedPoint } from '../../src/encoding/fixed-point.js'
import { fieldKernels } from '../../src/field/choose-kernels.js'
import { multiply } from '../../src/field/field.js'
import { plainKernels } from '../../src/field/plain-kernels.js'
import { randomElements } from '../../src/random/random-elements.js'
import { SecretStream } from '../../src/random/secret-stream.js'
import { dealVector, elementsOf, seededMembers } from '../../src/sharing/deal.js'
import { sharingScheme } from '../../src/sharing/scheme.js'

interface Vectors {
  readonly stream: string
  readonly elements: Readonly<Record<'a' | 'b' | 'products', readonly string[]>>
  readonly dealings: readonly {
    readonly members: number
    readonly threshold: number
    readonly packed: number
    readonly dealer: number
    readonly secret: readonly string[]
    readonly seeds: readonly string[]
    readonly shares: readonly (readonly string[])[]
    readonly points: readonly string[]
    readonly values: readonly (readonly string[])[]
    readonly challenge: { readonly points: readonly string[]; readonly factors: readonly string[] }
    readonly projections: readonly (readonly string[])[]
    readonly squares: readonly string[]
  }[]
  readonly encoding: {
    readonly model: readonly number[]
    readonly reference: readonly number[]
    readonly range: number
    readonly scale: number
    readonly elements: readonly string[]
  }
}

const vectors = JSON.parse(readFileSync(new URL('secagg.json', import.meta.url), 'utf8')) as Vectors
const seed = Uint8Array.from({ length: 32 }, (_, k) => k)
const text = (elements: Iterable<bigint>): string[] => Array.from(elements, String)

it('streams of bytes and elements', () => {
  const stream = new SecretStream(seed, 'a purpose')
  // In pieces of all lengths.
  const bytes = Buffer.concat([1, 2, 61, 64, 5, 17].map((length) => stream.bytes(length)))
  expect(bytes.toString('hex')).toBe(vectors.stream)
  const numbers = new SecretStream(seed, 'numbers')
  const [a, b] = [0, 1].map(() => randomElements(numbers, 20, fieldKernels()))
  expect({ a: text(a), b: text(b) }).toEqual({ a: vectors.elements.a, b: vectors.elements.b })
  expect(text(a.map((one, k) => multiply(one, b[k])))).toEqual(vectors.elements.products)
})

describe.each([
  ['WebAssembly', fieldKernels()],
  ['plain TypeScript', plainKernels],
])('dealings in %s', (_, kernels) => {
  it.each(vectors.dealings)('among $members with a threshold of $threshold, $packed at once', (one) => {
    const { members, threshold, packed, dealer } = one
    const scheme = sharingScheme(members, threshold, packed)
    const secret = BigUint64Array.from(one.secret, BigInt)
    const dealt = dealVector(scheme, secret, dealer, new SecretStream(seed, `dealing ${members}`), kernels)
    const seeds = seededMembers(scheme, dealer).map((member) => {
      const share = dealt[member]
      return share.kind === 'seed' ? Buffer.from(share.seed).toString('hex') : 'elements'
    })
    expect(seeds).toEqual(one.seeds)
    const shares = dealt.map((share) => elementsOf(share, one.shares[0].length, kernels))
    expect(shares.map(text)).toEqual(one.shares)
    const points = one.points.map(BigInt)
    expect(shares.map((share) => text(points.map((point) => kernels.evaluate(share, point))))).toEqual(
      one.values,
    )
    const parcels = shares.map((__, member) => sha256(Uint8Array.of(member)))
    const challenge = challengeOf(new TextEncoder().encode('context'), parcels)
    expect(text(challenge.points)).toEqual(one.challenge.points)
    expect(text(challenge.factors)).toEqual(one.challenge.factors)
    const projected = shares.slice(0, 2).map((share) => text(projections(share, challenge.signs(), kernels)))
    expect(projected).toEqual(one.projections)
    expect(text(kernels.pairwiseSquaredDistances(shares))).toEqual(one.squares)
  })
})

it('models in fixed point', () => {
  const { model, reference, range, scale, elements } = vectors.encoding
  const encoding = fixedPoint(model.length, range)
  expect(encoding.scale).toBe(scale)
  const [w, r] = [model, reference].map((values) => Float32Array.from(values))
  const encoded = encodeModel(encoding, w, r, new SecretStream(seed, 'rounding'))
  expect(encoded.shortened).toBe(1)
  expect(text(encoded.elements)).toEqual(elements)
})
