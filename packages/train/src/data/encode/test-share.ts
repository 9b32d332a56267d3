/** Which samples of a source without test samples are kept for tests. */

/** The share of samples for tests where nothing is said. */
export const DEFAULT_TEST_SHARE = 0.2

/**
 * Marks the test samples with 1. Rows are numbered from 0 in the order of the source, without those that were left
 * out; with labels, each label's rows are drawn by themselves. Of n rows, the round(share·n) whose number has the
 * smallest {@link rowHash} are for tests: the same on every node and in every run, whatever the seed. Of two or more
 * rows at least one is for tests and one for training.
 * @param rows number of the row of each sample, ascending; by default each sample is a row
 */
export function drawTest(
  count: number,
  share: number,
  labels?: ArrayLike<number>,
  rows?: ArrayLike<number>,
): Uint8Array {
  const last = rows === undefined ? count : (rows[count - 1] ?? -1) + 1
  const sizes = new Map<number, number>()
  for (let row = 0; row < last; row++) {
    const label = labels?.[row] ?? 0
    sizes.set(label, (sizes.get(label) ?? 0) + 1)
  }
  const hashes = new Map([...sizes].map(([label, size]) => [label, new Uint32Array(size)]))
  const used = new Map<number, number>()
  for (let row = 0; row < last; row++) {
    const label = labels?.[row] ?? 0
    const at = used.get(label) ?? 0
    ;(hashes.get(label) as Uint32Array)[at] = rowHash(row)
    used.set(label, at + 1)
  }
  // No two rows have the same hash, so the largest hash drawn decides.
  const largest = new Map<number, number>()
  for (const [label, stratum] of hashes)
    largest.set(label, stratum.sort()[Math.round(share * stratum.length) - 1] ?? -1)
  const chosen = new Uint8Array(last)
  for (let row = 0; row < last; row++)
    if (rowHash(row) <= (largest.get(labels?.[row] ?? 0) as number)) chosen[row] = 1
  repair(chosen)
  return rows === undefined ? chosen : Uint8Array.from(rows, (row) => chosen[row] as number)
}

/** Neither part is empty when there are two rows. */
function repair(chosen: Uint8Array): void {
  if (chosen.length < 2) return
  const tests = chosen.reduce((sum, mark) => sum + mark, 0)
  if (tests > 0 && tests < chosen.length) return
  let first = 0
  for (let row = 1; row < chosen.length; row++) if (rowHash(row) < rowHash(first)) first = row
  chosen[first] = tests === 0 ? 1 : 0
}

/** The finaliser of MurmurHash3 (32 bits) of row + 0x9e3779b9: a permutation, so no two rows are equal. */
export function rowHash(row: number): number {
  let hash = (row + 0x9e3779b9) >>> 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
