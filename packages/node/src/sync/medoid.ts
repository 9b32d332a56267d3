/**
 * Index of the model to trust among models that claim to be the newest: the one with the smallest median of squared
 * distances to the others, ties to the lower index. As long as more than half of them are honest, its distance to the
 * honest ones is at most the largest distance between honest ones.
 * @param models at least one vector, all of length d, finite
 */
export function medoid(models: readonly Float32Array[]): number {
  let best = 0
  let bestMedian = Number.POSITIVE_INFINITY
  for (const [k, model] of models.entries()) {
    const distances = models.filter((_, other) => other !== k).map((other) => squaredDistance(model, other))
    distances.sort((a, b) => a - b)
    const median = distances[Math.floor((distances.length - 1) / 2)] ?? 0
    if (median < bestMedian) {
      best = k
      bestMedian = median
    }
  }
  return best
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) {
    const difference = a[k]! - b[k]!
    sum += difference * difference
  }
  return sum
}
