import { equalBytes } from './codec.js'
import { ProtocolError } from './errors.js'
import { sha256, sha256Of } from './hashing.js'

/**
 * Merkle trees over an append-only list, as in RFC 9162, section 2.1: leaves and inner nodes are hashed with
 * different prefixes (0x00, 0x01), and a tree of n leaves has its left subtree at the largest power of two below n.
 * All hashes are SHA-256, 32 bytes.
 */
const LEAF = 0x00
const NODE = 0x01

/** Input of the hash of an inner node: prefix, left, right. Written anew for every node. */
const nodeInput = new Uint8Array(65)
nodeInput[0] = NODE

export function leafHash(data: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + data.byteLength)
  input[0] = LEAF
  input.set(data, 1)
  return sha256Of(input)
}

function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeInput.set(left, 1)
  nodeInput.set(right, 33)
  return sha256Of(nodeInput)
}

/** Largest power of two below n; n ≥ 2. */
function splitPoint(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/** Root of the tree over `leaves` (leaf hashes); the hash of the empty string for an empty tree. */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const range = createCompactRange()
  for (const leaf of leaves) range.append(leaf)
  return range.root()
}

function rootOf(leaves: readonly Uint8Array[], start: number, end: number): Uint8Array {
  if (end - start === 1) return leaves[start]!
  const middle = start + splitPoint(end - start)
  return nodeHash(rootOf(leaves, start, middle), rootOf(leaves, middle, end))
}

/** The hashes from leaf `index` up to the root, the lowest first (RFC 9162, 2.1.3.1). */
export function inclusionPath(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length) {
    throw new RangeError(`no leaf ${index} in a tree of ${leaves.length}`)
  }
  const path: Uint8Array[] = []
  let start = 0
  let end = leaves.length
  while (end - start > 1) {
    const middle = start + splitPoint(end - start)
    if (index < middle) {
      path.push(rootOf(leaves, middle, end))
      end = middle
    } else {
      path.push(rootOf(leaves, start, middle))
      start = middle
    }
  }
  return path.reverse()
}

/**
 * The root that `path` leads to from leaf `index` of a tree of `size` leaves. Throws E_PROOF for a path of the wrong
 * length.
 */
export function rootFromInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
): Uint8Array {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) {
    throw new ProtocolError('E_PROOF', `inclusion proof: no leaf ${index} in a tree of ${size}`)
  }
  // From the root down: whether the leaf lies in the left subtree at each level.
  const sides: boolean[] = []
  let start = 0
  let end = size
  while (end - start > 1) {
    const middle = start + splitPoint(end - start)
    sides.push(index < middle)
    if (index < middle) end = middle
    else start = middle
  }
  if (sides.length !== path.length) {
    throw new ProtocolError('E_PROOF', `inclusion proof: ${path.length} hashes, expected ${sides.length}`)
  }
  let hash = leaf
  for (const sibling of path) hash = sides.pop()! ? nodeHash(hash, sibling) : nodeHash(sibling, hash)
  return hash
}

/** The hashes that prove a tree of the first `oldSize` leaves to be a prefix of this one (RFC 9162, 2.1.4.1). */
export function consistencyPath(leaves: readonly Uint8Array[], oldSize: number): Uint8Array[] {
  if (!Number.isInteger(oldSize) || oldSize < 1 || oldSize > leaves.length) {
    throw new RangeError(`no tree of ${oldSize} leaves in one of ${leaves.length}`)
  }
  const path: Uint8Array[] = []
  let start = 0
  let end = leaves.length
  // Whether the old tree still begins exactly at `start` = 0; then its own root need not be sent.
  let whole = true
  let old = oldSize
  while (old < end) {
    const middle = start + splitPoint(end - start)
    if (old <= middle) {
      path.push(rootOf(leaves, middle, end))
      end = middle
    } else {
      path.push(rootOf(leaves, start, middle))
      start = middle
      whole = false
    }
  }
  old = end
  if (!whole) path.push(rootOf(leaves, start, old))
  return path.reverse()
}

/**
 * True when `path` shows that the tree of `oldSize` leaves with `oldRoot` is a prefix of the tree of `newSize` leaves
 * with `newRoot`.
 */
export function isConsistent(
  oldSize: number,
  newSize: number,
  oldRoot: Uint8Array,
  newRoot: Uint8Array,
  path: readonly Uint8Array[],
): boolean {
  if (!Number.isSafeInteger(oldSize) || !Number.isSafeInteger(newSize)) return false
  if (oldSize < 1 || oldSize > newSize) return false
  // From the root down: whether the end of the old tree lies in the left subtree at each level.
  const sides: boolean[] = []
  let start = 0
  let end = newSize
  while (oldSize < end) {
    const middle = start + splitPoint(end - start)
    sides.push(oldSize <= middle)
    if (oldSize <= middle) end = middle
    else start = middle
  }
  const seeds = start === 0 ? 0 : 1
  if (path.length !== sides.length + seeds) return false
  let old = seeds === 1 ? path[0]! : oldRoot
  let grown = old
  for (const sibling of path.slice(seeds)) {
    if (sides.pop()!) {
      grown = nodeHash(grown, sibling)
    } else {
      old = nodeHash(sibling, old)
      grown = nodeHash(sibling, grown)
    }
  }
  return equalBytes(old, oldRoot) && equalBytes(grown, newRoot)
}

/** The minimum needed to grow a tree and know its root: the roots of its complete subtrees, the largest first. */
export interface CompactRange {
  readonly size: number
  /** At most log2(size) + 1 hashes. */
  readonly nodes: readonly Uint8Array[]
  append(leaf: Uint8Array): void
  root(): Uint8Array
  copy(): CompactRange
}

/**
 * A compact range of `size` leaves from its nodes, or an empty one. Throws E_PROOF when the number of nodes does not
 * fit.
 */
export function createCompactRange(size = 0, nodes: readonly Uint8Array[] = []): CompactRange {
  if (!Number.isSafeInteger(size) || size < 0 || nodes.length !== ones(size)) {
    throw new ProtocolError(
      'E_PROOF',
      `compact range: ${nodes.length} nodes do not form a tree of ${size} leaves`,
    )
  }
  const stack = [...nodes]
  let count = size
  return {
    get size() {
      return count
    },
    get nodes() {
      return [...stack]
    },
    append(leaf) {
      let hash = leaf
      // Every trailing 1 bit of the old size is a complete subtree that the new leaf completes to a larger one.
      for (let rest = count; rest % 2 === 1; rest = (rest - 1) / 2) hash = nodeHash(stack.pop()!, hash)
      stack.push(hash)
      count += 1
    },
    root() {
      if (stack.length === 0) return sha256()
      let hash = stack[stack.length - 1]!
      for (let k = stack.length - 2; k >= 0; k--) hash = nodeHash(stack[k]!, hash)
      return hash
    },
    copy: () => createCompactRange(count, stack),
  }
}

function ones(size: number): number {
  let count = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2
  return count
}
