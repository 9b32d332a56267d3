import { describe, expect, it } from 'vitest'
import { type ChainVerifier, createChainVerifier } from '../../../src/chain.js'
import { checkConsistency, proveConsistency } from '../../../src/consistency-proof.js'
import type { SignedEntry } from '../../../src/entry.js'
import { type ChangeMessage, openChange } from '../../../src/epochs/change.js'
import { openEpochs } from '../../../src/epochs/epoch-book.js'
import { createFinalityTracker, type FinalHead } from '../../../src/finality.js'
import {
  asWitnessed,
  decodeHeadMessage,
  entryLeaf,
  type HeadMessage,
  signHead,
  verifyCosignature,
} from '../../../src/head.js'
import { checkInclusion, proveInclusion } from '../../../src/inclusion-proof.js'
import type { Run } from '../../../src/manifest.js'
import { merkleRoot } from '../../../src/merkle.js'
import { codeOf } from '../../support/documents.js'
import { add, entryIn, keys, part, peer, remove, rounds, runOf, signed } from '../../support/epochs.js'

const run = runOf()
const everyOther = (view: Run) => (author: string) =>
  view.manifest.members.filter((member) => member !== author)
const verifier = (): ChainVerifier => createChainVerifier(run, peer(0), { neighboursOf: everyOther })

const grow = signed(run, 2, add(4))
const book = openEpochs(run)
book.offer(grow)
const grown = book.at(2)
const leave = signed(grown, 3, remove(3), [3])
book.offer(leave)
const shrunk = book.at(3)

/** Entries of rounds 0 and 1 before the change, 2 and so on after it. */
function chainOf(length: number): SignedEntry[] {
  const entries: SignedEntry[] = []
  for (let height = 0; height < length; height++)
    entries.push(entryIn(height < 2 ? run : height === 2 ? grown : shrunk, height, entries.at(-1)))
  return entries
}
const chain = chainOf(5)

describe('a chain with changes', () => {
  it('is of the epoch that its changes lead to', () => {
    const checked = verifier()
    for (const entry of chain.slice(0, 2)) checked.accept(entry.bytes)
    expect(checked.run.epoch).toBeUndefined()
    expect(checked.acceptChange(grow.bytes).cid.equals(grow.cid)).toBe(true)
    expect(checked.run.epoch?.equals(grown.epoch!)).toBe(true)
    expect(checked.length).toBe(2)
    checked.accept(chain[2].bytes)
    checked.acceptChange(leave.bytes)
    for (const entry of chain.slice(3)) checked.accept(entry.bytes)
    expect(checked.changes.map(({ cid }) => cid.toString())).toEqual([grow, leave].map(({ cid }) => `${cid}`))
    expect(checked.run.manifest.members).toEqual([0, 1, 2, 4].map(peer))
    expect(checked.run.viewOf(grown.epoch)?.manifest.members).toEqual(grown.manifest.members)
  })

  it('takes several changes before one entry, in any order', () => {
    const [one, two] = [signed(run, 2, add(5)), signed(run, 1, rounds(30))]
    const both = openEpochs(run).withChanges([one, two])
    const view = openEpochs(run)
    view.offer(one)
    view.offer(two)
    const first = entryIn(view.at(2), 0, undefined, { round: 2, start: chain[0].body.start })
    for (const order of [
      [one, two],
      [two, one],
    ]) {
      const checked = verifier()
      for (const { bytes } of order) checked.acceptChange(bytes)
      checked.accept(first.bytes)
      expect(checked.run.epoch?.equals(both.epoch!)).toBe(true)
    }
  })

  const refusedAt = (blocks: readonly (SignedEntry | ChangeMessage)[]): string => {
    const checked = verifier()
    for (const block of blocks.slice(0, -1))
      if ('approvals' in block) checked.acceptChange(block.bytes)
      else checked.accept(block.bytes)
    const last = blocks.at(-1)!
    return codeOf(() => ('approvals' in last ? checked.acceptChange(last.bytes) : checked.accept(last.bytes)))
  }

  it('is refused at an entry of another epoch than its changes lead to', () => {
    const [a, b, c] = chain
    expect(refusedAt([a, b, c])).toBe('E_EPOCH')
    expect(refusedAt([a, b, grow, entryIn(run, 2, b)])).toBe('E_EPOCH')
    const other = openEpochs(run)
    other.offer(signed(run, 2, add(5)))
    expect(refusedAt([a, b, grow, entryIn(other.at(2), 2, b)])).toBe('E_EPOCH')
  })

  it('is refused at an entry of a round before the change holds', () => {
    const [a] = chain
    expect(refusedAt([a, grow, entryIn(grown, 1, a)])).toBe('E_EPOCH')
  })

  it('is refused at a change that too few have signed, that was made before, or that builds on nothing', () => {
    expect(refusedAt([part(grow, 0)])).toBe('E_CHANGE')
    expect(refusedAt([grow, grow])).toBe('E_CHANGE')
    expect(refusedAt([grow, signed(run, 2, add(4), [1, 2, 3])])).toBe('E_CHANGE')
    expect(refusedAt([leave])).toBe('E_EPOCH')
    expect(refusedAt([signed(runOf(5), 2, rounds(30), [0, 1, 2, 3])])).toBe('E_WRONG_RUN')
  })

  it('stays as it was when it refuses a change', () => {
    const checked = verifier()
    expect(codeOf(() => checked.acceptChange(part(grow, 0).bytes))).toBe('E_CHANGE')
    expect(codeOf(() => checked.acceptChange(part(grow, 0).bytes))).toBe('E_CHANGE')
    expect(checked.changes).toEqual([])
    checked.acceptChange(grow.bytes)
    expect(checked.changes).toHaveLength(1)
  })

  it('ends where its author is no member any more, and at the rounds of its epoch', () => {
    const without = openEpochs(run)
    const go = signed(run, 2, remove(0), [0])
    without.offer(go)
    const [a, b] = chain
    expect(refusedAt([a, b, go, entryIn(without.at(2), 2, b)])).toBe('E_NOT_A_MEMBER')
    const short = openEpochs(run)
    const cut = signed(run, 1, rounds(2))
    short.offer(cut)
    const within = entryIn(short.at(1), 1, a)
    expect(refusedAt([a, cut, within, entryIn(short.at(1), 2, within)])).toBe('E_ROUND_RANGE')
    const long = openEpochs(run)
    const more = signed(run, 1, rounds(22))
    long.offer(more)
    const checked = verifier()
    checked.accept(a.bytes)
    checked.acceptChange(more.bytes)
    checked.accept(entryIn(long.at(1), 1, a, { round: 21 }).bytes)
    expect(checked.length).toBe(2)
  })

  it('names the neighbours of its epoch', () => {
    const [a, b] = chain
    const old = entryIn(grown, 2, b, { neighbours: entryIn(run, 2, b).body.neighbours })
    expect(refusedAt([a, b, grow, old])).toBe('E_NEIGHBOURS')
  })
})

const headIn = (
  view: Run,
  key: number,
  height: number,
  cosigned: readonly HeadMessage[] = [],
  entries: readonly SignedEntry[] = chain,
): HeadMessage =>
  signHead(
    {
      run: view.id,
      ...(view.epoch === undefined ? {} : { epoch: view.epoch }),
      height,
      round: height,
      entry: entries[height].cid,
      parent: height === 0 ? view.id : entries[height - 1].cid,
      root: merkleRoot(entries.slice(0, height + 1).map(({ cid }) => entryLeaf(cid))),
    },
    cosigned.map(({ head }) => asWitnessed(head.body, view)),
    keys[key],
  )

/** The head of key 0 at a height, with what these co-sign in an epoch. */
function finalIn(view: Run, height: number, witnesses: readonly number[]): FinalHead | undefined {
  const tracker = createFinalityTracker(view)
  const own = headIn(view, 0, height)
  tracker.note(own)
  for (const key of witnesses) tracker.note(headIn(view, key, height, [own]))
  return tracker.finalHead(peer(0))
}

describe('heads in an epoch', () => {
  it('name members by a roster that has grown', () => {
    const own = headIn(shrunk, 4, 3)
    const message = headIn(shrunk, 0, 3, [own])
    const decoded = decodeHeadMessage(message.bytes, book.base)
    expect(decoded.head.body.epoch?.equals(shrunk.epoch!)).toBe(true)
    expect(decoded.cosigned.size).toBe(1)
    expect(asWitnessed(own.head.body, shrunk).member).toBe(4)
    expect(codeOf(() => asWitnessed(own.head.body, run))).toBe('E_NOT_A_MEMBER')
    expect(codeOf(() => decodeHeadMessage(message.bytes, run))).toBe('E_EPOCH')
  })

  it('become final by the members of the epoch, not by those of another one', () => {
    // Four of five, and three of four.
    expect(finalIn(grown, 2, [1, 2])).toBeUndefined()
    expect(finalIn(grown, 2, [1, 2, 4])?.cosignatures).toHaveLength(3)
    expect(finalIn(shrunk, 3, [1])).toBeUndefined()
    expect(finalIn(shrunk, 3, [1, 4])?.cosignatures).toHaveLength(2)
  })

  it('are not co-signed by those who are gone, or not there yet', () => {
    const own = headIn(shrunk, 0, 3)
    const tracker = createFinalityTracker(shrunk)
    tracker.note(own)
    for (const key of [1, 4]) tracker.note(headIn(shrunk, key, 3, [own]))
    const [first] = tracker.finalHead(peer(0))!.cosignatures
    expect(verifyCosignature(first, own.head.body, shrunk)).toBe(peer(1))
    const gone = { ...first, head: headIn(shrunk, 3, 3, [own]).head.bytes }
    expect(codeOf(() => verifyCosignature(gone, own.head.body, shrunk))).toBe('E_PROOF')
    expect(
      codeOf(() =>
        verifyCosignature({ ...first, head: headIn(shrunk, 4, 3).head.bytes }, own.head.body, run),
      ),
    ).toBe('E_PROOF')
  })
})

describe('proofs of a ledger with changes', () => {
  const final = finalIn(shrunk, 4, [1, 2, 4])!

  it('carry the changes and check by themselves', () => {
    for (const height of [0, 2, 4]) {
      const checked = checkInclusion(proveInclusion(book.base, chain, height, final))
      expect(checked).toMatchObject({ final: true, quorum: 3 })
      expect(checked.run.manifest.members).toEqual([0, 1, 2, 4].map(peer))
      expect(checked.signers).toEqual([0, 1, 2, 4].map(peer))
    }
    const older = headIn(run, 0, 1).head
    const consistent = checkConsistency(proveConsistency(book.base, chain, older, final))
    expect(consistent).toMatchObject({ final: true, quorum: 3 })
  })

  it('need no changes before the first one', () => {
    const before = finalIn(run, 1, [1, 2])!
    const checked = checkInclusion(proveInclusion(book.base, chain, 1, before))
    expect(checked.run.epoch).toBeUndefined()
    expect(checked.final).toBe(true)
  })

  it('are refused where the changes are others, fewer, or not decided', () => {
    const withChanges = (changes: readonly ChangeMessage[]): string => {
      const view: Run = { ...book.base, viewOf: () => ({ ...shrunk, changes }) }
      return codeOf(() => checkInclusion(proveInclusion(view, chain, 4, final)))
    }
    expect(withChanges([grow])).toBe('E_EPOCH')
    expect(withChanges([])).toBe('E_EPOCH')
    expect(withChanges([leave])).toBe('E_EPOCH')
    expect(withChanges([part(grow, 0), leave])).toBe('E_CHANGE')
    expect(withChanges([grow, leave, signed(run, 9, rounds(40))])).toBe('E_EPOCH')
  })

  it('cannot be made by whoever does not know the epoch', () => {
    expect(codeOf(() => proveInclusion(run, chain, 4, final))).toBe('E_EPOCH')
    expect(codeOf(() => proveConsistency(run, chain, headIn(run, 0, 1).head, final))).toBe('E_EPOCH')
  })

  it('carry changes of which signatures are checked', () => {
    const bytes = grow.bytes.slice()
    bytes[bytes.byteLength - 70] ^= 1
    expect(() => openChange(bytes)).toThrow()
    const view: Run = { ...book.base, viewOf: () => ({ ...shrunk, changes: [{ ...grow, bytes }, leave] }) }
    expect(codeOf(() => checkInclusion(proveInclusion(view, chain, 4, final)))).toMatch(
      /E_SIGNATURE|E_MALFORMED/,
    )
  })
})
