import { exp4, splat } from './exponential'

@inline
function at(base: usize, k: i32): usize {
  return base + (<usize>k << 2)
}

/**
 * softmax(scores·scale) of each of `matrices` × length rows of `length` scores, in place; causal: row i has only the
 * columns up to i, the others are 0.
 */
export function attentionWeights(matrices: i32, length: i32, scores: usize, scale: f32, causal: i32): void {
  for (let matrix = 0; matrix < matrices; matrix++) {
    for (let i = 0; i < length; i++) {
      softmaxRow(causal ? i + 1 : length, length, scores, scale)
      scores += <usize>length << 2
    }
  }
}

function softmaxRow(count: i32, length: i32, row: usize, scale: f32): void {
  let largest: f32 = -Infinity
  for (let j = 0; j < count; j++) {
    const score = load<f32>(at(row, j)) * scale
    store<f32>(at(row, j), score)
    if (score > largest) largest = score
  }
  let sum: f64 = 0
  for (let j = 0; j < count; j += 4) {
    const exponentials = exp4(f32x4.sub(loadUpTo(at(row, j), count - j), splat(largest)))
    storeUpTo(at(row, j), exponentials, count - j)
    for (let lane = 0; lane < min(4, count - j); lane++) sum += <f64>load<f32>(at(row, j + lane))
  }
  const inverse = <f32>(1 / sum)
  for (let j = 0; j < count; j++) store<f32>(at(row, j), load<f32>(at(row, j)) * inverse)
  if (count < length) memory.fill(at(row, count), 0, <usize>(length - count) << 2)
}

@inline
function loadUpTo(from: usize, count: i32): v128 {
  if (count >= 4) return v128.load(from)
  let x = v128.load32_zero(from)
  if (count > 1) x = v128.load32_lane(from + 4, x, 1)
  if (count > 2) x = v128.load32_lane(from + 8, x, 2)
  return x
}

@inline
function storeUpTo(to: usize, x: v128, count: i32): void {
  if (count >= 4) {
    v128.store(to, x)
    return
  }
  v128.store32_lane(to, x, 0)
  if (count > 1) v128.store32_lane(to + 4, x, 1)
  if (count > 2) v128.store32_lane(to + 8, x, 2)
}

/** From the weights' gradients to those of the scores, in place: p·(g − Σ p·g)·scale. */
export function attentionGradient(rows: i32, length: i32, weights: usize, gradients: usize, scale: f32): void {
  for (let row = 0; row < rows; row++) {
    let sum: f64 = 0
    for (let j = 0; j < length; j++) sum += <f64>load<f32>(at(weights, j)) * <f64>load<f32>(at(gradients, j))
    const mean = <f32>sum
    for (let j = 0; j < length; j++) {
      const place = at(gradients, j)
      store<f32>(place, load<f32>(at(weights, j)) * (load<f32>(place) - mean) * scale)
    }
    weights += <usize>length << 2
    gradients += <usize>length << 2
  }
}
