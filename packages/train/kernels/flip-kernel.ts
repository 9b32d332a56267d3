/**
 * The kernel of a convolution as its input gradient needs it. `kernel` is [height, width, channels, filters]; of the
 * rows firstY, firstY + strideY, … and columns alike, `to` gets [channels, rows, columns, filters], rows and columns
 * in reverse order.
 */
export function flipKernel(
  kernel: usize, width: i32, channels: i32, filters: i32, firstY: i32, strideY: i32, rows: i32, firstX: i32,
  strideX: i32, columns: i32, to: usize,
): void {
  const bytes = <usize>filters << 2
  for (let c = 0; c < channels; c++) {
    for (let y = rows - 1; y >= 0; y--) {
      for (let x = columns - 1; x >= 0; x--) {
        const tap = (firstY + y * strideY) * width + firstX + x * strideX
        memory.copy(to, kernel + <usize>(tap * channels + c) * bytes, bytes)
        to += bytes
      }
    }
  }
}
