/**
 * Layer and group normalisation. `moments` gets the mean and 1/√(variance + ε) of each position or group, two float32
 * one after the other; the backward pass reads them. Means, variances and sums of gradients are float64.
 */

import { addColumnSums, PRODUCTS, SQUARES, VALUES } from './column-sums'

@inline
function at(base: usize, k: i32): usize {
  return base + (<usize>k << 2)
}

export function layerNorm(
  positions: i32, channels: i32, from: usize, scale: usize, shift: usize, to: usize, moments: usize, epsilon: f64,
): void {
  const bytes = <usize>channels << 2
  for (let p = 0; p < positions; p++) {
    let total: f64 = 0
    for (let c = 0; c < channels; c++) total += <f64>load<f32>(at(from, c))
    const mean = <f32>(total / <f64>channels)
    let squares: f64 = 0
    for (let c = 0; c < channels; c++) {
      const deviation = <f64>(load<f32>(at(from, c)) - mean)
      squares += deviation * deviation
    }
    const inverse = <f32>(1 / sqrt<f64>(squares / <f64>channels + epsilon))
    store<f32>(moments, mean)
    store<f32>(moments, inverse, 4)
    let c = 0
    for (; c + 4 <= channels; c += 4) {
      const normal = f32x4.mul(f32x4.sub(v128.load(at(from, c)), f32x4.splat(mean)), f32x4.splat(inverse))
      v128.store(at(to, c), f32x4.add(f32x4.mul(normal, v128.load(at(scale, c))), v128.load(at(shift, c))))
    }
    for (; c < channels; c++) {
      const normal = (load<f32>(at(from, c)) - mean) * inverse
      store<f32>(at(to, c), normal * load<f32>(at(scale, c)) + load<f32>(at(shift, c)))
    }
    from += bytes
    to += bytes
    moments += 8
  }
}

/**
 * `to` (gradient of the input) may be 0, or `upper`. `sums`: scratch of 2 × channels float64; they become the gradients
 * of scale and shift.
 */
export function layerNormGradient(
  positions: i32, channels: i32, from: usize, upper: usize, scale: usize, moments: usize, to: usize,
  scaleGradient: usize, shiftGradient: usize, sums: usize,
): void {
  const bytes = <usize>channels << 2
  const shiftSums = sums + (<usize>channels << 3)
  memory.fill(sums, 0, <usize>channels << 4)
  for (let p = 0; p < positions; p++) {
    const mean = load<f32>(moments)
    const inverse = load<f32>(moments, 4)
    let plain: f64 = 0
    let weighted: f64 = 0
    for (let c = 0; c < channels; c++) {
      const normal = <f64>((load<f32>(at(from, c)) - mean) * inverse)
      const gradient = <f64>load<f32>(at(upper, c))
      const scaled = gradient * <f64>load<f32>(at(scale, c))
      plain += scaled
      weighted += scaled * normal
      const place = <usize>c << 3
      store<f64>(sums + place, load<f64>(sums + place) + gradient * normal)
      store<f64>(shiftSums + place, load<f64>(shiftSums + place) + gradient)
    }
    if (to != 0) {
      const meanPlain = <f32>(plain / <f64>channels)
      const meanWeighted = <f32>(weighted / <f64>channels)
      for (let c = 0; c < channels; c++) {
        const normal = (load<f32>(at(from, c)) - mean) * inverse
        const scaled = load<f32>(at(upper, c)) * load<f32>(at(scale, c))
        store<f32>(at(to, c), inverse * (scaled - meanPlain - normal * meanWeighted))
      }
      to += bytes
    }
    from += bytes
    upper += bytes
    moments += 8
  }
  narrow(sums, scaleGradient, channels)
  narrow(shiftSums, shiftGradient, channels)
}

function narrow(from: usize, to: usize, length: i32): void {
  for (let k = 0; k < length; k++) store<f32>(at(to, k), <f32>load<f64>(from + (<usize>k << 3)))
}

/** Scratch of the group normalisations: two float64 and four float32 per channel, in this order. */
let channelSums: usize = 0
let otherSums: usize = 0
let centres: usize = 0
let factors: usize = 0
let offsets: usize = 0

function divideScratch(scratch: usize, channels: i32): void {
  channelSums = scratch
  otherSums = scratch + (<usize>channels << 3)
  centres = otherSums + (<usize>channels << 3)
  factors = at(centres, channels)
  offsets = at(factors, channels)
}

/** The sum of one group's channels of `sums`. */
function groupSum(sums: usize, group: i32, size: i32): f64 {
  let total: f64 = 0
  for (let c = group * size; c < (group + 1) * size; c++) total += load<f64>(sums + (<usize>c << 3))
  return total
}

export function groupNorm(
  samples: i32, positions: i32, channels: i32, groups: i32, from: usize, scale: usize, shift: usize, to: usize,
  moments: usize, epsilon: f64, scratch: usize,
): void {
  divideScratch(scratch, channels)
  const size = channels / groups
  const count = <f64>(positions * size)
  const bytes = <usize>(positions * channels) << 2
  for (let sample = 0; sample < samples; sample++) {
    memory.fill(channelSums, 0, <usize>channels << 3)
    addColumnSums(VALUES, from, 0, 0, positions, channels, channelSums)
    for (let g = 0; g < groups; g++) {
      const mean = <f32>(groupSum(channelSums, g, size) / count)
      store<f32>(at(moments, 2 * g), mean)
      for (let c = g * size; c < (g + 1) * size; c++) store<f32>(at(centres, c), mean)
    }
    memory.fill(channelSums, 0, <usize>channels << 3)
    addColumnSums(SQUARES, from, 0, centres, positions, channels, channelSums)
    for (let g = 0; g < groups; g++) {
      const inverse = <f32>(1 / sqrt<f64>(groupSum(channelSums, g, size) / count + epsilon))
      store<f32>(at(moments, 2 * g + 1), inverse)
      for (let c = g * size; c < (g + 1) * size; c++) store<f32>(at(factors, c), inverse * load<f32>(at(scale, c)))
    }
    scaleRows(positions, channels, from, shift, to)
    from += bytes
    to += bytes
    moments += <usize>groups << 3
  }
}

/** to = (from − centre)·factor + shift. */
function scaleRows(positions: i32, channels: i32, from: usize, shift: usize, to: usize): void {
  for (let p = 0; p < positions; p++) {
    let c = 0
    for (; c + 4 <= channels; c += 4) {
      const deviation = f32x4.sub(v128.load(at(from, c)), v128.load(at(centres, c)))
      v128.store(at(to, c), f32x4.add(f32x4.mul(deviation, v128.load(at(factors, c))), v128.load(at(shift, c))))
    }
    for (; c < channels; c++) {
      const deviation = load<f32>(at(from, c)) - load<f32>(at(centres, c))
      store<f32>(at(to, c), deviation * load<f32>(at(factors, c)) + load<f32>(at(shift, c)))
    }
    from += <usize>channels << 2
    to += <usize>channels << 2
  }
}

/** `to` may be 0, or `upper`. `totals`: scratch of 2 × channels float64; they become the gradients of scale and shift. */
export function groupNormGradient(
  samples: i32, positions: i32, channels: i32, groups: i32, from: usize, upper: usize, scale: usize,
  moments: usize, to: usize, scaleGradient: usize, shiftGradient: usize, totals: usize, scratch: usize,
): void {
  divideScratch(scratch, channels)
  const size = channels / groups
  const bytes = <usize>(positions * channels) << 2
  memory.fill(totals, 0, <usize>channels << 4)
  for (let sample = 0; sample < samples; sample++) {
    memory.fill(channelSums, 0, <usize>channels << 4)
    for (let c = 0; c < channels; c++) store<f32>(at(centres, c), load<f32>(at(moments, 2 * (c / size))))
    addColumnSums(VALUES, upper, 0, 0, positions, channels, channelSums)
    addColumnSums(PRODUCTS, from, upper, centres, positions, channels, otherSums)
    for (let g = 0; g < groups; g++) {
      spreadGroup(g, size, <f64>(positions * size), scale, load<f32>(at(moments, 2 * g + 1)), totals, channels)
    }
    if (to != 0) {
      returnRows(positions, channels, from, upper, to)
      to += bytes
    }
    from += bytes
    upper += bytes
    moments += <usize>groups << 3
  }
  narrow(totals, scaleGradient, channels)
  narrow(totals + (<usize>channels << 3), shiftGradient, channels)
}

/**
 * With d = x − mean and i = 1/√(variance + ε), the gradient of x is g·(scale·i) + d·a + b, where
 * a = −i³·Σ(g·scale·d)/count and b = −i·Σ(g·scale)/count. Writes factors, slopes and offsets of the group's channels.
 */
function spreadGroup(
  group: i32, size: i32, count: f64, scale: usize, inverse: f32, totals: usize, channels: i32,
): void {
  const i = <f64>inverse
  let plain: f64 = 0
  let weighted: f64 = 0
  for (let c = group * size; c < (group + 1) * size; c++) {
    const place = <usize>c << 3
    const gradient = load<f64>(channelSums + place)
    const product = load<f64>(otherSums + place)
    plain += gradient * <f64>load<f32>(at(scale, c))
    weighted += product * <f64>load<f32>(at(scale, c))
    store<f64>(totals + place, load<f64>(totals + place) + product * i)
    const shifts = totals + (<usize>channels << 3) + place
    store<f64>(shifts, load<f64>(shifts) + gradient)
  }
  const slope = <f32>((-i * i * i * weighted) / count)
  const offset = <f32>((-i * plain) / count)
  for (let c = group * size; c < (group + 1) * size; c++) {
    store<f32>(at(factors, c), inverse * load<f32>(at(scale, c)))
    store<f32>(at(offsets, c), offset)
    store<f32>(at(offsets, channels + c), slope)
  }
}

function returnRows(positions: i32, channels: i32, from: usize, upper: usize, to: usize): void {
  const slopes = at(offsets, channels)
  for (let p = 0; p < positions; p++) {
    let c = 0
    for (; c + 4 <= channels; c += 4) {
      const deviation = f32x4.sub(v128.load(at(from, c)), v128.load(at(centres, c)))
      const own = f32x4.mul(v128.load(at(upper, c)), v128.load(at(factors, c)))
      const rest = f32x4.add(f32x4.mul(deviation, v128.load(at(slopes, c))), v128.load(at(offsets, c)))
      v128.store(at(to, c), f32x4.add(own, rest))
    }
    for (; c < channels; c++) {
      const deviation = load<f32>(at(from, c)) - load<f32>(at(centres, c))
      const own = load<f32>(at(upper, c)) * load<f32>(at(factors, c))
      store<f32>(at(to, c), own + (deviation * load<f32>(at(slopes, c)) + load<f32>(at(offsets, c))))
    }
    from += <usize>channels << 2
    upper += <usize>channels << 2
    to += <usize>channels << 2
  }
}
