/**
 * Consensus distance of models that arrive one after another: (1/n)·Σ‖x_i − x̄‖², as in Kong et al., "Consensus Control
 * for Decentralized Deep Learning", ICML 2021, without their square root. It holds two vectors for any number of
 * models. Models are taken relative to the first one, which limits rounding errors when all are nearly equal.
 */
export interface ConsensusMeter {
  /** A model of length d. */
  add(model: Float32Array): void
  /** null before the first model. */
  distance(): number | null
}

/** @param d length of every model */
export function createConsensusMeter(d: number): ConsensusMeter {
  let first: Float32Array | undefined
  const sum = new Float64Array(d)
  let squares = 0
  let count = 0
  return {
    add(model) {
      first ??= model.slice()
      for (let k = 0; k < d; k++) {
        const difference = model[k]! - first[k]!
        sum[k]! += difference
        squares += difference * difference
      }
      count += 1
    },
    distance() {
      if (count === 0) return null
      let meanSquare = 0
      for (const value of sum) meanSquare += (value / count) ** 2
      return Math.max(0, squares / count - meanSquare)
    },
  }
}
