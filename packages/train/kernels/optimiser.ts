/** Updates of `length` parameters (a multiple of 4). The formulas are those of `Optimiser` in `engine.ts`. */

export function descend(
  parameters: usize, velocities: usize, gradients: usize, length: i32, rate: f32, momentum: f32, decay: f32,
): void {
  const rates = f32x4.splat(rate)
  const momenta = f32x4.splat(momentum)
  const decays = f32x4.splat(decay)
  const bytes = <usize>length << 2
  for (let at: usize = 0; at < bytes; at += 16) {
    const w = v128.load(parameters + at)
    let g = v128.load(gradients + at)
    if (decay != 0) g = f32x4.add(g, f32x4.mul(decays, w))
    const v = f32x4.add(f32x4.mul(momenta, v128.load(velocities + at)), g)
    v128.store(velocities + at, v)
    v128.store(parameters + at, f32x4.sub(w, f32x4.mul(rates, v)))
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
