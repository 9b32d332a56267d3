/**
 * Sums over the rows of a matrix: float32 within blocks of BLOCK rows, float64 between blocks. `sums` are float64, one
 * per column.
 */

const BLOCK: i32 = 16

/** What is added: x; (x − centre)²; or y·(x − centre). */
export const VALUES: i32 = 0
export const SQUARES: i32 = 1
export const PRODUCTS: i32 = 2

@inline
function term4(kind: i32, x: usize, y: usize, centre: v128): v128 {
  const value = v128.load(x)
  if (kind == VALUES) return value
  const deviation = f32x4.sub(value, centre)
  return kind == SQUARES ? f32x4.mul(deviation, deviation) : f32x4.mul(v128.load(y), deviation)
}

@inline
function term(kind: i32, x: usize, y: usize, centre: f32): f32 {
  const value = load<f32>(x)
  if (kind == VALUES) return value
  const deviation = value - centre
  return kind == SQUARES ? deviation * deviation : load<f32>(y) * deviation
}

/** Adds the sums of rows × columns to `sums`. `centre`: one float per column; it and y are read only if needed. */
export function addColumnSums(
  kind: i32, x: usize, y: usize, centre: usize, rows: i32, columns: i32, sums: usize,
): void {
  const stride = <usize>columns << 2
  for (let row = 0; row < rows; row += BLOCK) {
    const count = min(BLOCK, rows - row)
    let c = 0
    for (; c + 4 <= columns; c += 4) {
      const at = <usize>c << 2
      const middle = kind == VALUES ? f32x4.splat(0) : v128.load(centre + at)
      let total = f32x4.splat(0)
      for (let k = 0; k < count; k++) {
        const place = <usize>k * stride + at
        total = f32x4.add(total, term4(kind, x + place, y + place, middle))
      }
      const sum = sums + (<usize>c << 3)
      v128.store(sum, f64x2.add(v128.load(sum), f64x2.promote_low_f32x4(total)))
      const high = v128.shuffle<f32>(total, total, 2, 3, 2, 3)
      v128.store(sum, f64x2.add(v128.load(sum, 16), f64x2.promote_low_f32x4(high)), 16)
    }
    for (; c < columns; c++) {
      const at = <usize>c << 2
      const middle: f32 = kind == VALUES ? 0 : load<f32>(centre + at)
      let total: f32 = 0
      for (let k = 0; k < count; k++) {
        const place = <usize>k * stride + at
        total += term(kind, x + place, y + place, middle)
      }
      const sum = sums + (<usize>c << 3)
      store<f64>(sum, load<f64>(sum) + <f64>total)
    }
    x += <usize>BLOCK * stride
    y += <usize>BLOCK * stride
  }
}

/** to = the sums of the columns × factor, as float32; `sums` is scratch. */
export function columnSums(x: usize, rows: i32, columns: i32, to: usize, sums: usize, factor: f64): void {
  memory.fill(sums, 0, <usize>columns << 3)
  addColumnSums(VALUES, x, 0, 0, rows, columns, sums)
  for (let c = 0; c < columns; c++) {
    store<f32>(to + (<usize>c << 2), <f32>(load<f64>(sums + (<usize>c << 3)) * factor))
  }
}
