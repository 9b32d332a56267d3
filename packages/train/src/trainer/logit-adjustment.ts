/**
 * Logit adjustment (Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, section 5): training
 * minimises the cross entropy of z_c + τ·log π_c, with π the share of each class among the node's own samples, and
 * predictions use z. A node whose data is mostly one class then no longer learns that this class is frequent, so
 * honest updates of nodes with different labels become more similar. Zhang et al., "Federated Learning with Label
 * Distribution Skew via Logits Calibration", ICML 2022, arXiv 2209.00189, do the same for this purpose with another
 * offset.
 * Deviations: π is each node's own and not that of all data; one is added to every count. Rules that judge models by
 * the loss on the node's own samples use the loss of z, unadjusted.
 */

/** With a larger share of one class, there is nothing to balance. */
const SINGLE_CLASS = 0.99

/**
 * The class that more than 99 % of the samples have; undefined when there is none.
 *
 * @param counts - samples of each class, as `histogram` gives them
 */
export function singleClass(counts: ArrayLike<number>): number | undefined {
  const list = Array.from(counts)
  const total = list.reduce((sum, count) => sum + count, 0)
  const found = list.findIndex((count) => count > SINGLE_CLASS * total)
  return found < 0 ? undefined : found
}

/**
 * log π_c of every class, natural: π_c = (n_c + 1) / (n + classes), so that a class of which the node has no sample
 * keeps a finite offset. Zeros when more than 99 % of the samples have one class: the adjusted loss of such samples is
 * near its least from the start, so that the node would learn nothing from them. `labels[k]` for k in `indices` lie below `classes`.
 */
export function logPriors(labels: ArrayLike<number>, indices: Uint32Array, classes: number): Float64Array {
  const counts = new Float64Array(classes)
  for (const index of indices) {
    const label = labels[index] as number
    counts[label] = (counts[label] as number) + 1
  }
  if (singleClass(counts) !== undefined) return new Float64Array(classes)
  return counts.map((count) => Math.log((count + 1) / (indices.length + classes)))
}
