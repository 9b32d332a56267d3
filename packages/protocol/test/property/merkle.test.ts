import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equalBytes } from '../../src/codec.js'
import {
  consistencyPath,
  createCompactRange,
  inclusionPath,
  isConsistent,
  leafHash,
  merkleRoot,
  rootFromInclusion,
} from '../../src/merkle.js'
import { codeOf } from '../support/documents.js'

const leaves = Array.from({ length: 70 }, (_, k) => leafHash(Uint8Array.of(k)))
/** Root of the tree of the first `size` leaves, of all sizes. */
const roots = Array.from({ length: leaves.length + 1 }, (_, size) => merkleRoot(leaves.slice(0, size)))
const root = (size: number) => roots[size]
const flip = (hash: Uint8Array): Uint8Array => {
  const changed = hash.slice()
  changed[7] ^= 4
  return changed
}
const pair = fc
  .tuple(fc.integer({ min: 1, max: 70 }), fc.nat(69))
  .map(([size, index]): [number, number] => [size, index % size])

/** False also for a path of the wrong length, which other sizes and places may ask for. */
function leadsToRoot(leaf: Uint8Array, index: number, size: number, path: readonly Uint8Array[]): boolean {
  try {
    return equalBytes(rootFromInclusion(leaf, index, size, path), root(size))
  } catch (error) {
    expect(error).toMatchObject({ code: 'E_PROOF' })
    return false
  }
}

describe('inclusion proofs', () => {
  it('lead every leaf of every tree to its root', () => {
    for (let size = 1; size <= leaves.length; size++) {
      for (let index = 0; index < size; index++) {
        const path = inclusionPath(leaves.slice(0, size), index)
        expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)))
        expect(rootFromInclusion(leaves[index], index, size, path)).toEqual(root(size))
      }
    }
  })

  it('do not hold for another leaf, another place, another size or a changed path', () => {
    fc.assert(
      fc.property(pair, fc.nat(69), fc.nat(10), ([size, index], other, step) => {
        const path = inclusionPath(leaves.slice(0, size), index)
        if (other !== index) {
          expect(equalBytes(rootFromInclusion(leaves[other], index, size, path), root(size))).toBe(false)
          if (other < size) {
            expect(leadsToRoot(leaves[index], other, size, path)).toBe(false)
          }
        }
        if (path.length > 0) {
          const changed = path.map((hash, k) => (k === step % path.length ? flip(hash) : hash))
          expect(equalBytes(rootFromInclusion(leaves[index], index, size, changed), root(size))).toBe(false)
          expect(codeOf(() => rootFromInclusion(leaves[index], index, size, path.slice(1)))).toBe('E_PROOF')
        }
        expect(codeOf(() => rootFromInclusion(leaves[index], index, size, [...path, leaves[0]]))).toBe(
          'E_PROOF',
        )
      }),
    )
    for (const [index, size] of [
      [3, 3],
      [-1, 3],
      [0, 0],
      [0.5, 3],
      [0, Number.NaN],
    ]) {
      expect(codeOf(() => rootFromInclusion(leaves[0], index, size, []))).toBe('E_PROOF')
    }
  })
})

describe('consistency proofs', () => {
  it('hold between every tree and every later one', () => {
    for (let size = 1; size <= leaves.length; size++) {
      for (let old = 1; old <= size; old++) {
        const path = consistencyPath(leaves.slice(0, size), old)
        expect(isConsistent(old, size, root(old), root(size), path)).toBe(true)
      }
    }
  })

  it('do not hold for other roots, other sizes, a changed path or a rewritten beginning', () => {
    fc.assert(
      fc.property(pair, fc.nat(20), ([size, k], step) => {
        const old = k + 1
        const path = consistencyPath(leaves.slice(0, size), old)
        expect(isConsistent(old, size, flip(root(old)), root(size), path)).toBe(false)
        expect(isConsistent(old, size, root(old), flip(root(size)), path)).toBe(false)
        expect(isConsistent(old, size, root(old), root(size), [...path, leaves[0]])).toBe(false)
        if (path.length > 0) {
          const changed = path.map((hash, n) => (n === step % path.length ? flip(hash) : hash))
          expect(isConsistent(old, size, root(old), root(size), changed)).toBe(false)
          expect(isConsistent(old, size, root(old), root(size), path.slice(1))).toBe(false)
        }
        // A history in which an early leaf was replaced has no proof at all that fits the old root.
        const rewritten = leaves.slice(0, size).map((leaf, n) => (n === step % old ? flip(leaf) : leaf))
        expect(
          isConsistent(old, size, root(old), merkleRoot(rewritten), consistencyPath(rewritten, old)),
        ).toBe(false)
      }),
    )
    expect(isConsistent(0, 3, root(1), root(3), [])).toBe(false)
    expect(isConsistent(4, 3, root(4), root(3), [])).toBe(false)
  })
})

describe('compact ranges', () => {
  it('grow to the same roots from wherever they are taken up again', () => {
    const range = createCompactRange()
    for (let size = 1; size <= leaves.length; size++) {
      range.append(leaves[size - 1])
      const copy = createCompactRange(range.size, range.nodes)
      expect(copy.root()).toEqual(root(size))
      expect(range.root()).toEqual(root(size))
      expect(range.nodes.length).toBeLessThanOrEqual(Math.floor(Math.log2(size)) + 1)
    }
  })

  it('refuse nodes that do not form a tree of their size', () => {
    for (const [size, nodes] of [
      [1, 0],
      [3, 1],
      [4, 2],
      [-1, 0],
      [0.5, 1],
    ]) {
      expect(codeOf(() => createCompactRange(size, leaves.slice(0, nodes)))).toBe('E_PROOF')
    }
  })
})
