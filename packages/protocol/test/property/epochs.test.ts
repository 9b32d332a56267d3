import { describe, expect, it } from 'vitest'
import { byteStep, sized } from '../../../../test-support/tier.js'
import { createChainVerifier } from '../../src/chain.js'
import type { SignedEntry } from '../../src/entry.js'
import { type Amendment, type ChangeMessage, openChange } from '../../src/epochs/change.js'
import { type EpochBook, openEpochs } from '../../src/epochs/epoch-book.js'
import { ProtocolError } from '../../src/errors.js'
import type { Run } from '../../src/manifest.js'
import { add, entryIn, keys, part, peer, remove, replace, rounds, runOf, signed } from '../support/epochs.js'

const run = runOf()

/** Numbers in [0, below) from a seed (xorshift). */
function randomOf(seed: number): (below: number) => number {
  let state = (seed + 1) * 0x9e3779b1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}
type Random = ReturnType<typeof randomOf>

const shuffled = <T>(values: readonly T[], random: Random): T[] => {
  const all = [...values]
  for (let k = all.length - 1; k > 0; k--) {
    const other = random(k + 1)
    ;[all[k], all[other]] = [all[other], all[k]]
  }
  return all
}

const anyAmendment = (random: Random): Amendment =>
  [
    () => add(4 + random(8)),
    () => remove(random(8)),
    () => replace(random(6), 4 + random(12)),
    () => rounds(20 + random(4)),
    () => ({ kind: 'deadlines' as const, deadlines: { collectMs: 1 + random(9) } }),
  ][random(5)]()

/** Decided changes, some of them on epochs that only some nodes were in: each offered to one of three books. */
function anyHistory(random: Random): ChangeMessage[] {
  const books = [0, 1, 2].map(() => openEpochs(run))
  const all: ChangeMessage[] = []
  for (let k = 0; k < 9; k++) {
    const book = books[random(books.length)]
    const view = book.at(random(30))
    const newest = Math.max(0, ...book.changesOf(view.epoch)!.map(({ change }) => change.from + 1))
    const members = keys.flatMap(({ peerId }, key) => (view.memberIndex.has(peerId) ? [key] : []))
    const amendment = anyAmendment(random)
    if (amendment.kind === 'replace' && amendment.member === amendment.by) continue
    const by = amendment.kind === 'replace' ? [...members, keyOf(amendment.by)] : members
    const message = signed(view, newest + random(5), amendment, [...new Set(by)])
    if (all.some(({ cid }) => cid.equals(message.cid))) continue
    if (!isPossible(book, message)) continue
    all.push(message)
    for (const other of books) if (other !== book && random(2) === 0) tryOffer(other, message)
  }
  return all
}

const keyOf = (name: string): number => keys.findIndex(({ peerId }) => peerId === name)

/** Whether it would have an effect on its base. */
function isPossible(book: EpochBook, message: ChangeMessage): boolean {
  try {
    return book.offer(message) === 'decided'
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 'E_CHANGE') return false
    throw error
  }
}

/** Whether it was taken; a change whose base is not known yet is refused. */
function tryOffer(book: EpochBook, message: ChangeMessage): boolean {
  try {
    book.offer(message)
    return true
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 'E_EPOCH') return false
    throw error
  }
}

/** Offers parts again and again, as gossip and neighbours do, until nothing new is taken. */
function offerAll(book: EpochBook, parts: readonly ChangeMessage[]): void {
  let left = parts
  for (;;) {
    const refused = left.filter((message) => !tryOffer(book, message))
    if (refused.length === 0) return
    if (refused.length === left.length) throw new Error(`${left.length} changes are never taken`)
    left = refused
  }
}

const summary = (book: EpochBook) =>
  [0, 3, 8, 15, 1e6].map((round) => {
    const { epoch, roster, manifest } = book.at(round)
    return { epoch: epoch?.toString(), roster, manifest }
  })

describe('changes that were decided', () => {
  const seeds = Array.from({ length: sized(25, 100) }, (_, seed) => seed)

  it.each(seeds)(
    'lead to one epoch in whatever order they and their parts are heard of (seed %d)',
    (seed) => {
      const random = randomOf(seed)
      const history = anyHistory(random)
      const inOrder = openEpochs(run)
      offerAll(inOrder, history)
      const due = summary(inOrder)
      const problems = inOrder.decided.map(({ problem }) => problem)
      for (let time = 0; time < 3; time++) {
        const book = openEpochs(run)
        offerAll(book, shuffled(history, random))
        expect(summary(book)).toEqual(due)
        expect(book.decided.map(({ problem }) => problem)).toEqual(problems)
      }
      const parts = history.flatMap((message) =>
        message.approvals.map(({ author }) => part(message, keyOf(author))),
      )
      const apart = openEpochs(run)
      // A new key alone is not heard.
      const withSay = (message: ChangeMessage): boolean => {
        const { amendment } = message.change
        return amendment.kind !== 'replace' || message.approvals[0].author !== amendment.by
      }
      offerAll(apart, shuffled(parts.filter(withSay), random))
      expect(summary(apart)).toEqual(due)
    },
  )

  it.each(seeds.slice(0, 8))('are read in order of effect by whoever comes later (seed %d)', (seed) => {
    const book = openEpochs(run)
    offerAll(book, anyHistory(randomOf(seed)))
    const later = openEpochs(run)
    for (const { message } of book.decided) expect(later.offer(openChange(message.bytes))).toBe('decided')
    expect(summary(later)).toEqual(summary(book))
    const chain = createChainVerifier(run, peer(0))
    for (const { bytes } of book.at(1e6).changes) chain.acceptChange(bytes)
    expect(chain.run.epoch?.toString()).toBe(book.at(1e6).epoch?.toString())
  })

  it('give the same view of an epoch when it has been forgotten', () => {
    const book = openEpochs(run)
    const messages = Array.from({ length: 24 }, (_, k) => signed(run, k, rounds(30 + k)))
    for (const message of messages) book.offer(message)
    const before = messages.map((_, k) => book.at(k))
    for (const [k, view] of before.entries()) {
      const again = book.base.viewOf(view.epoch)!
      expect(again.epoch?.equals(view.epoch!)).toBe(true)
      expect(again.manifest).toEqual(view.manifest)
      expect(again.manifest.training.rounds).toBe(30 + k)
      expect(again.roster).toEqual(view.roster)
    }
    expect(book.base.viewOf(before[0].epoch)).not.toBe(before[0])
  })
})

describe('a chain with changes', () => {
  const book = openEpochs(run)
  const grow = signed(run, 2, add(4))
  book.offer(grow)
  const more = signed(book.at(2), 3, replace(3, 9), [3, 9])
  book.offer(more)
  const neighboursOf = (view: Run) => (author: string) =>
    view.manifest.members.filter((member) => member !== author)
  const entries: SignedEntry[] = []
  for (let height = 0; height < 5; height++) entries.push(entryIn(book.at(height), height, entries.at(-1)))
  const blocks = [entries[0], entries[1], grow, entries[2], more, entries[3], entries[4]]

  /** Number of blocks that pass, and the last CID; stops at the first that does not. */
  const read = (parts: readonly { readonly bytes: Uint8Array; readonly approvals?: unknown }[]) => {
    const chain = createChainVerifier(run, peer(0), { neighboursOf })
    let passed = 0
    for (const { bytes, approvals } of parts) {
      try {
        if (approvals === undefined) chain.accept(bytes)
        else chain.acceptChange(bytes)
      } catch (error) {
        expect(error).toMatchObject({ name: 'ProtocolError' })
        break
      }
      passed += 1
    }
    return { passed, head: chain.head.toString(), epoch: chain.run.epoch?.toString() }
  }
  const whole = read(blocks)

  it('verifies', () => {
    expect(whole.passed).toBe(blocks.length)
    expect(whole.epoch).toBe(book.at(9).epoch?.toString())
  })

  it('is refused wherever a byte of a change is another one or is missing', () => {
    for (const [at, message] of [
      [2, grow],
      [4, more],
    ] as const) {
      for (let k = 0; k < message.bytes.byteLength; k += Math.min(byteStep, 7)) {
        const bytes = message.bytes.slice()
        bytes[k] ^= 1 << (k % 8)
        expect(read(blocks.with(at, { ...message, bytes })).passed, `byte ${k}`).toBe(at)
        const cut = message.bytes.subarray(0, k)
        expect(read(blocks.with(at, { ...message, bytes: cut })).passed, `cut at ${k}`).toBe(at)
      }
    }
  })

  it('is refused without a change, with one twice, and with two that have changed places', () => {
    expect(read(blocks.toSpliced(2, 1)).passed).toBe(2)
    expect(read(blocks.toSpliced(4, 1)).passed).toBe(4)
    expect(read(blocks.toSpliced(4, 0, grow)).passed).toBe(4)
    expect(read(blocks.with(2, more).with(4, grow)).passed).toBe(2)
    // Earlier than it holds, and later than the first entry that obeys it.
    expect(read(blocks.toSpliced(2, 1).toSpliced(1, 0, grow)).passed).toBe(2)
    expect(read(blocks.toSpliced(2, 1).toSpliced(3, 0, grow)).passed).toBe(2)
  })

  it('is refused with a change that has lost a signature it needs', () => {
    const less = signed(run, 2, add(4), [0, 1])
    expect(read(blocks.with(2, less)).passed).toBe(2)
    // One more is the same change.
    expect(read(blocks.with(2, signed(run, 2, add(4), [0, 1, 2, 3]))).passed).toBe(blocks.length)
  })
})
