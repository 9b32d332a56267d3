/** Updates of `length` parameters (a multiple of 4). The formulas are those of `Optimiser` in `engine.ts`. */

export function descend(
  parameters: usize, velocities: usize, gradients: usize, length: i32, rate: f32, momentum: f32, decay: f32,
): void {
  const rates = f32x4.splat(rate)
  const momenta = f32x4.splat(momentum)
  const decays = f32x4.splat(decay)
  let w = parameters
  let v = velocities
  let g = gradients
  const end = parameters + (<usize>length << 2)
  // Sixteen at a time: addresses and the loop cost as much as the arithmetic otherwise.
  if (decay == 0) {
    for (; w + 64 <= end; w += 64, v += 64, g += 64) {
      const v0 = f32x4.add(f32x4.mul(momenta, v128.load(v)), v128.load(g))
      v128.store(v, v0)
      v128.store(w, f32x4.sub(v128.load(w), f32x4.mul(rates, v0)))
      const v1 = f32x4.add(f32x4.mul(momenta, v128.load(v, 16)), v128.load(g, 16))
      v128.store(v, v1, 16)
      v128.store(w, f32x4.sub(v128.load(w, 16), f32x4.mul(rates, v1)), 16)
      const v2 = f32x4.add(f32x4.mul(momenta, v128.load(v, 32)), v128.load(g, 32))
      v128.store(v, v2, 32)
      v128.store(w, f32x4.sub(v128.load(w, 32), f32x4.mul(rates, v2)), 32)
      const v3 = f32x4.add(f32x4.mul(momenta, v128.load(v, 48)), v128.load(g, 48))
      v128.store(v, v3, 48)
      v128.store(w, f32x4.sub(v128.load(w, 48), f32x4.mul(rates, v3)), 48)
    }
  }
  for (; w < end; w += 16, v += 16, g += 16) {
    let gradient = v128.load(g)
    if (decay != 0) gradient = f32x4.add(gradient, f32x4.mul(decays, v128.load(w)))
    const velocity = f32x4.add(f32x4.mul(momenta, v128.load(v)), gradient)
    v128.store(v, velocity)
    v128.store(w, f32x4.sub(v128.load(w), f32x4.mul(rates, velocity)))
  }
}

/**
 * first ← β₁·first + (1 − β₁)·g; second ← β₂·second + (1 − β₂)·g²;
 * w ← w − rate·(first/firstScale)/(√(second/secondScale) + ε), where the scales are 1 − βᵗ; before it, with `shrink`
 * above 0 (rate × decoupled weight decay), w ← w − shrink·w.
 */
export function adam(
  parameters: usize, first: usize, second: usize, gradients: usize, length: i32, rate: f32,
  beta1: f32, rest1: f32, beta2: f32, rest2: f32, firstScale: f32, secondScale: f32, epsilon: f32,
  decay: f32, shrink: f32,
): void {
  const bytes = <usize>length << 2
  for (let at: usize = 0; at < bytes; at += 16) {
    let w = v128.load(parameters + at)
    const g = f32x4.add(v128.load(gradients + at), f32x4.mul(f32x4.splat(decay), w))
    w = f32x4.sub(w, f32x4.mul(f32x4.splat(shrink), w))
    const m = f32x4.add(f32x4.mul(f32x4.splat(beta1), v128.load(first + at)), f32x4.mul(f32x4.splat(rest1), g))
    const squares = f32x4.mul(f32x4.splat(rest2), f32x4.mul(g, g))
    const s = f32x4.add(f32x4.mul(f32x4.splat(beta2), v128.load(second + at)), squares)
    v128.store(first + at, m)
    v128.store(second + at, s)
    const root = f32x4.add(f32x4.sqrt(f32x4.div(s, f32x4.splat(secondScale))), f32x4.splat(epsilon))
    const step = f32x4.div(f32x4.div(m, f32x4.splat(firstScale)), root)
    v128.store(parameters + at, f32x4.sub(w, f32x4.mul(f32x4.splat(rate), step)))
  }
}
