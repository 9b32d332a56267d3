import { describe, expect, it } from 'vitest'
import { type Amendment, proposeChange } from '../../../src/epochs/change.js'
import { electorateOf, isDecided, mayApprove } from '../../../src/epochs/electorate.js'
import type { Run } from '../../../src/manifest.js'
import { codeOf } from '../../support/documents.js'
import { add, keys, peer, remove, replace, rounds, runOf, signed } from '../../support/epochs.js'

const decides = (run: Run, amendment: Amendment, signers: readonly number[]): boolean =>
  isDecided(signed(run, 3, amendment, signers), run)
const needed = (run: Run, amendment: Amendment): number =>
  electorateOf(signed(run, 3, amendment, [0]), run).needed
const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, k) => from + k)

describe('who decides about a change', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 3],
    [5, 4],
    [6, 5],
    [7, 5],
    [9, 7],
    [10, 7],
  ])('is more than two thirds of %d members: %d', (members, quorum) => {
    const run = runOf(members)
    expect(needed(run, add(20))).toBe(quorum)
    expect(decides(run, add(20), range(quorum))).toBe(true)
    if (quorum > 1) expect(decides(run, add(20), range(quorum - 1))).toBe(false)
  })

  it('is not a stranger, nor the one that is to be added', () => {
    const run = runOf(4)
    expect(decides(run, add(20), [0, 1, 20])).toBe(false)
    expect(decides(run, add(20), [0, 1, 30, 31, 32])).toBe(false)
    const message = signed(run, 3, add(20), [0])
    expect(mayApprove(message, run, peer(20))).toBe(false)
    expect(mayApprove(message, run, peer(3))).toBe(true)
  })

  it('is not the member that is to go: the others do, by a quorum of themselves', () => {
    const run = runOf(5)
    expect(needed(run, remove(4))).toBe(3)
    expect(decides(run, remove(4), [0, 1])).toBe(false)
    expect(decides(run, remove(4), [0, 1, 2])).toBe(true)
    expect(needed(runOf(2), remove(1))).toBe(1)
  })

  it('is the others, whose nodes sign by themselves, when a member goes', () => {
    const run = runOf(4)
    expect(decides(run, remove(3), [3])).toBe(true)
    expect(decides(run, remove(3), [2])).toBe(false)
    // A stranger cannot leave.
    expect(decides(run, remove(20), [20])).toBe(false)
    expect(mayApprove(signed(run, 3, remove(20), [20]), run, peer(20))).toBe(false)
  })

  it('is the others when both keys say that one replaces the other, or without these', () => {
    const run = runOf(4)
    expect(decides(run, replace(3, 20), [3])).toBe(false)
    expect(decides(run, replace(3, 20), [20])).toBe(false)
    expect(decides(run, replace(3, 20), [3, 20])).toBe(true)
    // Two strangers replace nobody.
    expect(decides(run, replace(20, 21), [20, 21])).toBe(false)
    // Of three others all are needed; the keys concerned do not count for them.
    expect(decides(run, replace(3, 20), [0, 1])).toBe(false)
    expect(decides(run, replace(3, 20), [0, 1, 3])).toBe(false)
    expect(decides(run, replace(3, 20), [0, 1, 20])).toBe(false)
    expect(decides(run, replace(3, 20), [0, 1, 2])).toBe(true)
  })

  it('is as many as the manifest says', () => {
    const run = runOf(5, { membership: { admission: 'quorum', threshold: 2 } })
    expect(decides(run, rounds(30), [0])).toBe(false)
    expect(decides(run, rounds(30), [0, 4])).toBe(true)
    const full = runOf(3, { membership: { admission: 'quorum', threshold: 3 } })
    // The one that is to go is not asked, so that all others are enough.
    expect(decides(full, remove(2), [0, 1])).toBe(true)
    expect(codeOf(() => runOf(3, { membership: { admission: 'quorum', threshold: 4 } }))).toBe('E_MANIFEST')
  })

  it('is the owners that the manifest names, members or not', () => {
    const owners = [10, 11, 12].map(peer)
    const run = runOf(4, { membership: { admission: 'quorum', owners } })
    expect(decides(run, add(20), [0, 1, 2, 3])).toBe(false)
    expect(decides(run, add(20), [10, 11])).toBe(false)
    expect(decides(run, add(20), [10, 11, 12])).toBe(true)
    expect(decides(run, remove(3), [10, 11, 12])).toBe(true)
    expect(isDecided(proposeChange({ run, from: 3, amendment: remove(3) }, keys[3]), run)).toBe(false)
    const two = runOf(4, { membership: { admission: 'quorum', owners, threshold: 2 } })
    expect(decides(two, add(20), [10])).toBe(false)
    expect(decides(two, add(20), [10, 12])).toBe(true)
  })

  it('refuses owners that are named twice, are no keys, or are fewer than must sign', () => {
    const of = (membership: Record<string, unknown>): string =>
      codeOf(() => runOf(4, { membership: { admission: 'quorum', ...membership } }))
    expect(of({ owners: [peer(1), peer(1)] })).toBe('E_MANIFEST')
    expect(of({ owners: ['QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'] })).toBe('E_MANIFEST')
    expect(of({ owners: [peer(1)], threshold: 2 })).toBe('E_MANIFEST')
    expect(of({ owners: [] })).toBe('E_MANIFEST')
    expect(of({ admission: 'anybody' })).toBe('E_MANIFEST')
  })

  it('is the others, whose nodes sign by themselves, when a member adds one where members come by invitation', () => {
    const run = runOf(4, { membership: { admission: 'invitation' } })
    expect(decides(run, add(20), [2])).toBe(true)
    expect(decides(run, add(20), [20])).toBe(false)
    expect(decides(run, remove(1), [2])).toBe(false)
    expect(decides(run, rounds(30), [2])).toBe(false)
    expect(decides(run, replace(1, 20), [2, 20])).toBe(false)
    const owned = runOf(4, { membership: { admission: 'invitation', owners: [peer(10)] } })
    expect(decides(owned, add(20), [2])).toBe(false)
    expect(decides(owned, add(20), [10])).toBe(true)
  })
})
