/**
 * One step of LSTM and GRU, element by element, for `samples` samples. Gates lie as PyTorch orders them, `units` floats
 * each. Strides are bytes between samples.
 */

import { sigmoid4, tanh4 } from './exponential'

@inline
function sigmoid(x: f32): f32 {
  return f32x4.extract_lane(sigmoid4(f32x4.splat(x)), 0)
}

@inline
function tanh(x: f32): f32 {
  return f32x4.extract_lane(tanh4(f32x4.splat(x)), 0)
}

/** σ (or tanh) over `length` floats, in place. */
function squash(place: usize, length: i32, hyperbolic: bool): void {
  let k = 0
  for (; k + 4 <= length; k += 4, place += 16) {
    const x = v128.load(place)
    v128.store(place, hyperbolic ? tanh4(x) : sigmoid4(x))
  }
  for (; k < length; k++, place += 4) {
    store<f32>(place, hyperbolic ? tanh(load<f32>(place)) : sigmoid(load<f32>(place)))
  }
}

@inline
function at(base: usize, k: i32): usize {
  return base + (<usize>k << 2)
}

/** Gates are activated in place; cell ← forget·before + input·new; hidden ← output·tanh(cell). before: 0 at first. */
export function lstmStep(
  samples: i32, units: i32, gates: usize, gateStride: usize, before: usize, cell: usize, hidden: usize, stride: usize,
): void {
  for (let sample = 0; sample < samples; sample++) {
    squash(gates, 2 * units, false)
    squash(at(gates, 2 * units), units, true)
    squash(at(gates, 3 * units), units, false)
    for (let k = 0; k < units; k++) {
      const kept: f32 = before == 0 ? 0 : load<f32>(at(gates, units + k)) * load<f32>(at(before, k))
      store<f32>(at(cell, k), kept + load<f32>(at(gates, k)) * load<f32>(at(gates, 2 * units + k)))
      store<f32>(at(hidden, k), load<f32>(at(cell, k)))
    }
    squash(hidden, units, true)
    for (let k = 0; k < units; k++) {
      store<f32>(at(hidden, k), load<f32>(at(hidden, k)) * load<f32>(at(gates, 3 * units + k)))
    }
    gates += gateStride
    if (before != 0) before += stride
    cell += stride
    hidden += stride
  }
}

/**
 * The gates become the gradients of their sums. hidden: the gradient of the hidden state, `units` floats per sample;
 * cells: that of the cell, in and out. `row`: scratch of `units` floats, rounded up to 4.
 */
export function lstmStepGradient(
  samples: i32, units: i32, gates: usize, gateStride: usize, before: usize, cell: usize, stride: usize,
  hidden: usize, cells: usize, row: usize,
): void {
  for (let sample = 0; sample < samples; sample++) {
    memory.copy(row, cell, <usize>units << 2)
    squash(row, units, true)
    for (let k = 0; k < units; k++) {
      const i = load<f32>(at(gates, k))
      const f = load<f32>(at(gates, units + k))
      const g = load<f32>(at(gates, 2 * units + k))
      const o = load<f32>(at(gates, 3 * units + k))
      const t = load<f32>(at(row, k))
      const h = load<f32>(at(hidden, k))
      const c = load<f32>(at(cells, k)) + h * o * (1 - t * t)
      const old: f32 = before == 0 ? 0 : load<f32>(at(before, k))
      store<f32>(at(gates, k), c * g * i * (1 - i))
      store<f32>(at(gates, units + k), c * old * f * (1 - f))
      store<f32>(at(gates, 2 * units + k), c * i * (1 - g * g))
      store<f32>(at(gates, 3 * units + k), h * t * o * (1 - o))
      store<f32>(at(cells, k), c * f)
    }
    gates += gateStride
    if (before != 0) before += stride
    cell += stride
    hidden += <usize>units << 2
    cells += <usize>units << 2
  }
}

/**
 * gates: W·x + b, become the activated gates. product: U·h + c, 3 × units floats per sample; its last third is kept in
 * `kept` (stride of hidden). hidden ← (1 − update)·new + update·before.
 */
export function gruStep(
  samples: i32, units: i32, gates: usize, gateStride: usize, product: usize, kept: usize, before: usize,
  hidden: usize, stride: usize,
): void {
  for (let sample = 0; sample < samples; sample++) {
    for (let k = 0; k < 2 * units; k++) store<f32>(at(gates, k), load<f32>(at(gates, k)) + load<f32>(at(product, k)))
    squash(gates, 2 * units, false)
    for (let k = 0; k < units; k++) {
      const q = load<f32>(at(product, 2 * units + k))
      const place = at(gates, 2 * units + k)
      store<f32>(at(kept, k), q)
      store<f32>(place, load<f32>(place) + load<f32>(at(gates, k)) * q)
    }
    squash(at(gates, 2 * units), units, true)
    for (let k = 0; k < units; k++) {
      const z = load<f32>(at(gates, units + k))
      const n = load<f32>(at(gates, 2 * units + k))
      const old: f32 = before == 0 ? 0 : load<f32>(at(before, k))
      store<f32>(at(hidden, k), (1 - z) * n + z * old)
    }
    gates += gateStride
    product += <usize>(3 * units) << 2
    kept += stride
    if (before != 0) before += stride
    hidden += stride
  }
}

/**
 * The gates become the gradients of W·x + b, `product` (stride of the gates) gets those of U·h + c. hidden: the gradient
 * of the hidden state; becomes that part of the gradient of the one before which does not go through U.
 */
export function gruStepGradient(
  samples: i32, units: i32, gates: usize, gateStride: usize, product: usize, kept: usize, before: usize,
  stride: usize, hidden: usize,
): void {
  for (let sample = 0; sample < samples; sample++) {
    for (let k = 0; k < units; k++) {
      const r = load<f32>(at(gates, k))
      const z = load<f32>(at(gates, units + k))
      const n = load<f32>(at(gates, 2 * units + k))
      const old: f32 = before == 0 ? 0 : load<f32>(at(before, k))
      const h = load<f32>(at(hidden, k))
      const update = h * (old - n) * z * (1 - z)
      const fresh = h * (1 - z) * (1 - n * n)
      const reset = fresh * load<f32>(at(kept, k)) * r * (1 - r)
      store<f32>(at(gates, k), reset)
      store<f32>(at(gates, units + k), update)
      store<f32>(at(gates, 2 * units + k), fresh)
      store<f32>(at(product, k), reset)
      store<f32>(at(product, units + k), update)
      store<f32>(at(product, 2 * units + k), fresh * r)
      store<f32>(at(hidden, k), h * z)
    }
    gates += gateStride
    product += gateStride
    kept += stride
    if (before != 0) before += stride
    hidden += <usize>units << 2
  }
}
