import fc from 'fast-check'
import { P } from '../../src/field/field.js'
import { SecretStream } from '../../src/random/secret-stream.js'

/** Elements, those at the edges of the field and of the halves of a product more often. */
export const element: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: P - 1n }),
  fc.constantFrom(0n, 1n, 2n, P - 1n, P - 2n, P / 2n, P / 2n + 1n, (1n << 32n) - 1n, 1n << 32n, 1n << 60n),
)

export const vector = (length: number): fc.Arbitrary<BigUint64Array> =>
  fc.array(element, { minLength: length, maxLength: length }).map((values) => BigUint64Array.from(values))

/** A stream whose seed is a number. */
export const streamOf = (seed: number): SecretStream =>
  new SecretStream(
    new Uint8Array(32).fill(seed % 256).map((_, k) => (seed >> (k % 24)) & 255),
    'test',
  )
