/**
 * Vectors of elements of the field of p = 2⁶¹ − 1, as BigUint64Array; every element must be below p. The two
 * implementations, `wasm-kernels.ts` and the slow `plain-kernels.ts`, give the same bits.
 */
export interface FieldKernels {
  /** out[k] = Σ_i factors[i]·vectors[i][k]. All vectors and `out` have one length; `out` may be one of them. */
  combine(factors: readonly bigint[], vectors: readonly BigUint64Array[], out: BigUint64Array): void
  /** Σ_k (x[k] − y[k])² for each pair of x before y, row by row: (0, 1), (0, 2) … (n − 2, n − 1). */
  pairwiseSquaredDistances(vectors: readonly BigUint64Array[]): bigint[]
  /** Σ_k x[k]·at^k: a polynomial with these coefficients at a point. */
  evaluate(x: BigUint64Array, at: bigint): bigint
  /** In place: elements from uniformly random 64 bits, of which the upper three are dropped; p itself becomes 0. */
  reduceRandom(x: BigUint64Array): void
  /**
   * Products with `rows` vectors of −1, 0 and 1: Σ_k sign_r[k]·x[k].
   *
   * @param signs - writes the signs of eight elements after the other into the given bytes: for each eight elements and
   *   each row one byte whose bits are the elements that are added, and one of those that are subtracted
   */
  project(x: BigUint64Array, rows: number, signs: (into: Uint8Array) => void): bigint[]
}
