/** Pearson's correlation of the pixels of two images: 1 for images that differ in brightness and contrast alone. */

/**
 * An image with mean 0 and length 1, so that the product of two is their correlation; zeros for an image of one colour, which
 * is like no other.
 *
 * @param image - pixels in any unit, finite
 */
export function standardised(image: ArrayLike<number>): Float64Array {
  const pixels = Float64Array.from(image)
  const mean = pixels.reduce((sum, value) => sum + value, 0) / pixels.length
  let square = 0
  for (let k = 0; k < pixels.length; k++) {
    pixels[k]! -= mean
    square += pixels[k]! ** 2
  }
  const length = Math.sqrt(square)
  // Below this all pixels are equal but for rounding.
  if (!(length > 1e-12 * (1 + Math.abs(mean)))) return pixels.fill(0)
  for (let k = 0; k < pixels.length; k++) pixels[k]! /= length
  return pixels
}

/** Σ_k a_k·b_k, of arrays of one length. */
export function product(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!
  return sum
}
