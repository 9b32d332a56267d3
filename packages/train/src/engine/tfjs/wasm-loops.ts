/** Kernels of wasm-kernels.ts that are loops over numbers. Maps are B×height×width×channels, row-major. */

import type { backend_util } from '@tensorflow/tfjs-core'

type Window = backend_util.Conv2DInfo

/** Calls `visit` for each output position and each position of its window inside the image, window row by row. */
function overWindows(window: Window, visit: (output: number, input: number, place: number) => void): void {
  const { batchSize, inHeight, inWidth, outHeight, outWidth, filterWidth } = window
  const rows = taps(outHeight, inHeight, window.filterHeight, window.strideHeight, window.padInfo.top)
  const columns = taps(outWidth, inWidth, filterWidth, window.strideWidth, window.padInfo.left)
  for (let b = 0; b < batchSize; b++) {
    for (const [y, row, v] of rows) {
      for (const [x, column, h] of columns) {
        const output = (b * outHeight + y) * outWidth + x
        visit(output, (b * inHeight + row) * inWidth + column, v * filterWidth + h)
      }
    }
  }
}

/** Along one side: output position, input position, position in the window. */
function taps(
  outputs: number,
  inputs: number,
  size: number,
  stride: number,
  before: number,
): (readonly [number, number, number])[] {
  return Array.from({ length: outputs }, (_, output) =>
    Array.from({ length: size }, (_, place) => [output, output * stride - before + place, place] as const),
  )
    .flat()
    .filter(([, input]) => input >= 0 && input < inputs)
}

/** Derivative of max-pooling by its input: it goes to the first largest value of each window, row by row. */
export function maxPoolGradient(values: Float32Array, gradient: Float32Array, window: Window): Float32Array {
  const { inHeight, inWidth, inChannels: channels, outHeight, outWidth, batchSize } = window
  const { strideHeight, strideWidth, filterHeight, filterWidth, padInfo } = window
  const dx = new Float32Array(values.length)
  const row = inWidth * channels
  let at = 0
  for (let b = 0; b < batchSize; b++) {
    for (let y = 0; y < outHeight; y++) {
      const top = y * strideHeight - padInfo.top
      const [firstRow, endRow] = [Math.max(top, 0), Math.min(top + filterHeight, inHeight)]
      for (let x = 0; x < outWidth; x++) {
        const left = x * strideWidth - padInfo.left
        const firstColumn = Math.max(left, 0)
        const corner = (b * inHeight + firstRow) * row + firstColumn * channels
        const columns = Math.min(left + filterWidth, inWidth) - firstColumn
        for (let c = 0; c < channels; c++) {
          const winner = firstLargest(values, corner + c, endRow - firstRow, columns, row, channels)
          dx[winner] = (dx[winner] as number) + (gradient[at++] as number)
        }
      }
    }
  }
  return dx
}

/** Index of the first largest value of one channel in rows×columns, row by row; `corner` is its first value. */
function firstLargest(
  values: Float32Array,
  corner: number,
  rows: number,
  columns: number,
  row: number,
  channels: number,
): number {
  let winner = corner
  let largest = values[corner] as number
  for (let v = 0; v < rows; v++) {
    for (let h = 0; h < columns; h++) {
      const place = corner + v * row + h * channels
      const value = values[place] as number
      if (value > largest) {
        largest = value
        winner = place
      }
    }
  }
  return winner
}

/** Derivative of a depthwise convolution by its filter: rows×columns×channels×multiplier. */
export function depthwiseFilterGradient(x: Float32Array, dy: Float32Array, window: Window): Float32Array {
  const { inChannels: channels, outChannels: outputs, filterHeight, filterWidth } = window
  const multiplier = outputs / channels
  const df = new Float64Array(filterHeight * filterWidth * outputs)
  overWindows(window, (output, input, place) => {
    for (let o = 0, c = 0; c < channels; c++) {
      const value = x[input * channels + c] as number
      for (let m = 0; m < multiplier; m++, o++) {
        const at = place * outputs + o
        df[at] = (df[at] as number) + value * (dy[output * outputs + o] as number)
      }
    }
  })
  return Float32Array.from(df)
}

/** Derivative of the same by its input. */
export function depthwiseInputGradient(dy: Float32Array, filter: Float32Array, window: Window): Float32Array {
  const { inChannels: channels, outChannels: outputs, batchSize, inHeight, inWidth } = window
  const multiplier = outputs / channels
  const dx = new Float32Array(batchSize * inHeight * inWidth * channels)
  overWindows(window, (output, input, place) => {
    for (let o = 0, c = 0; c < channels; c++) {
      let sum = dx[input * channels + c] as number
      for (let m = 0; m < multiplier; m++, o++) {
        sum += (filter[place * outputs + o] as number) * (dy[output * outputs + o] as number)
      }
      dx[input * channels + c] = sum
    }
  })
  return dx
}

/** Sums of the rows (of `width` numbers) that have the same id; row-major, one row per id below `count`. */
export function segmentSums(rows: Float32Array, ids: Int32Array, count: number, width: number): Float32Array {
  const sums = new Float64Array(count * width)
  ids.forEach((id, k) => {
    for (let d = 0; d < width; d++) {
      sums[id * width + d] = (sums[id * width + d] as number) + (rows[k * width + d] as number)
    }
  })
  return Float32Array.from(sums)
}
