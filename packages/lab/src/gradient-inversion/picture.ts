import { imageSheet } from '@tempered/train'
import { type InversionPicture, VIEWS } from './inversion.js'

/**
 * A PNG file: images of victims in the first row, and below each the reconstruction that is most like it, from the update, the
 * shares and the sum.
 *
 * @param shape - height, width and channels of the images
 */
export function inversionSheet(
  pictures: readonly InversionPicture[],
  shape: readonly number[],
): Promise<Buffer> {
  return imageSheet(sheetRows(pictures), shape)
}

/** The rows of the sheet as bytes. Each reconstruction is stretched from black to white by itself. */
export function sheetRows(pictures: readonly InversionPicture[]): (Uint8Array | undefined)[][] {
  return [
    pictures.map(({ image }) => image),
    ...VIEWS.map((view) => pictures.map(({ closest }) => stretched(closest[view]))),
  ]
}

/** The smallest number becomes 0 and the largest 255. */
function stretched(image: Float64Array | undefined): Uint8Array | undefined {
  if (image === undefined) return undefined
  const low = image.reduce((a, b) => Math.min(a, b))
  const high = image.reduce((a, b) => Math.max(a, b))
  return Uint8Array.from(image, (value) =>
    high > low ? Math.round((255 * (value - low)) / (high - low)) : 0,
  )
}
