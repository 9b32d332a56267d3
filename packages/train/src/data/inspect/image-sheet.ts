/** Images of one size on one sheet. */

import type { Shape } from '../../task/operation.js'

const GAP = 2
/** Images are enlarged by a whole number until they have this height. */
const LEAST_HEIGHT = 32

/**
 * A PNG file with a row of images for each list; gaps are white, as are images that are left out.
 *
 * @param rows - bytes of each image, row-major, channels last; with one or two channels the first is shown as grey
 * @param shape - height, width and channels of every image; channels may be left out for one
 */
export async function imageSheet(
  rows: readonly (readonly (Uint8Array | undefined)[])[],
  [height = 1, width = 1, channels = 1]: Shape,
): Promise<Buffer> {
  const scale = Math.max(1, Math.ceil(LEAST_HEIGHT / height))
  const [cellWidth, cellHeight] = [width * scale + GAP, height * scale + GAP]
  const { PNG } = await import('pngjs')
  const across = Math.max(1, ...rows.map((row) => row.length))
  const sheet = new PNG({
    width: across * cellWidth + GAP,
    height: Math.max(1, rows.length) * cellHeight + GAP,
  })
  sheet.data.fill(0xff)
  const draw = (bytes: Uint8Array, left: number, top: number): void => {
    for (let line = 0; line < height * scale; line++) {
      for (let column = 0; column < width * scale; column++) {
        const from = (Math.floor(line / scale) * width + Math.floor(column / scale)) * channels
        const to = 4 * ((top + line) * sheet.width + left + column)
        for (let c = 0; c < 3; c++) sheet.data[to + c] = bytes[from + (channels < 3 ? 0 : c)] as number
      }
    }
  }
  rows.forEach((row, y) => {
    row.forEach((bytes, x) => {
      if (bytes !== undefined) draw(bytes, x * cellWidth + GAP, y * cellHeight + GAP)
    })
  })
  return PNG.sync.write(sheet)
}
