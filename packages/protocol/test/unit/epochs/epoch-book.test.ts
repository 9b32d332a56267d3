import { describe, expect, it } from 'vitest'
import type { ProblemOf } from '../../../src/epochs/amend.js'
import type { ChangeMessage } from '../../../src/epochs/change.js'
import { checkChangeable, type EpochBook, isChangeable, openEpochs } from '../../../src/epochs/epoch-book.js'
import { LIMITS } from '../../../src/limits.js'
import type { Run } from '../../../src/manifest.js'
import { codeOf, otherRun, refusal } from '../../support/documents.js'
import { add, keys, part, peer, remove, replace, rounds, runOf, signed } from '../../support/epochs.js'

const run = runOf()
const bookWith = (...messages: readonly ChangeMessage[]): EpochBook => {
  const book = openEpochs(run)
  for (const message of messages) expect(book.offer(message)).toBe('decided')
  return book
}
const membersOf = ({ manifest }: Run): readonly number[] =>
  manifest.members.map((member) => keys.findIndex(({ peerId }) => peerId === member))
const rosterOf = ({ roster }: Run): readonly number[] =>
  roster.map((member) => keys.findIndex(({ peerId }) => peerId === member))
const problems = (book: EpochBook) => book.decided.map(({ problem }) => problem)

describe('changes of a run', () => {
  it('begin with the run as its manifest was made', () => {
    const { base, at, changesOf, wasEverMember } = openEpochs(run)
    expect(at(1000)).toBe(base)
    expect(base.viewOf(undefined)).toBe(base)
    expect(base.viewOf(run.id)).toBeUndefined()
    expect(changesOf(undefined)).toEqual([])
    expect(changesOf(run.id)).toBeUndefined()
    expect([peer(3), peer(4)].map(wasEverMember)).toEqual([true, false])
  })

  it('take effect from their round on', () => {
    const book = bookWith(signed(run, 5, add(4)))
    expect(membersOf(book.at(4))).toEqual([0, 1, 2, 3])
    expect(book.at(4).epoch).toBeUndefined()
    expect(membersOf(book.at(5))).toEqual([0, 1, 2, 3, 4])
    const { epoch, changes } = book.at(5)
    expect(book.base.viewOf(epoch)).toBe(book.at(5))
    expect(changes).toHaveLength(1)
    expect(book.changesOf(epoch)).toHaveLength(1)
    // The run stays the same run.
    expect(book.at(5).id.equals(run.id)).toBe(true)
    expect(book.at(5).bytes).toBe(run.bytes)
  })

  it('wait until enough have signed, whoever brings which signature', () => {
    const book = openEpochs(run)
    const whole = signed(run, 5, add(4))
    expect(book.offer(part(whole, 1))).toBe('pending')
    expect(book.offer(part(whole, 1))).toBe('known')
    expect(book.offer(part(whole, 0))).toBe('pending')
    expect(book.pending).toHaveLength(1)
    expect(book.decided).toEqual([])
    expect(book.find(whole.cid)?.approvals).toHaveLength(2)
    expect(book.offer(part(whole, 2))).toBe('decided')
    expect(book.pending).toEqual([])
    expect(book.find(whole.cid)?.approvals).toHaveLength(3)
    expect(book.offer(signed(run, 5, add(4), [0, 1, 2, 3]))).toBe('known')
  })

  it('leave out signatures of those who have no say', () => {
    const book = openEpochs(run)
    expect(book.offer(signed(run, 5, add(4), [0, 4, 30, 31]))).toBe('pending')
    expect(book.pending[0].approvals.map(({ author }) => author)).toEqual([peer(0)])
    expect(codeOf(() => book.offer(signed(run, 5, add(5), [5, 30])))).toBe('E_CHANGE')
    expect(codeOf(() => book.offer(signed(run, 5, remove(30), [30])))).toBe('E_CHANGE')
  })

  it('are not begun by a key that nobody knows, but completed by it', () => {
    const book = openEpochs(run)
    const whole = signed(run, 5, replace(3, 20), [3, 20])
    // One stranger has as many keys as it likes: none of these may take a place among those that wait.
    expect(codeOf(() => book.offer(part(whole, 20)))).toBe('E_CHANGE')
    expect(book.pending).toEqual([])
    for (const key of [3, 20, 0, 1]) expect(book.offer(part(whole, key))).toBe('pending')
    expect(book.offer(part(whole, 2))).toBe('decided')
    expect(membersOf(book.at(5))).toEqual([0, 1, 2, 20])
  })

  it('are refused for another run, an unknown base, and runs that keep their members', () => {
    const book = openEpochs(run)
    expect(codeOf(() => book.offer(signed(otherRun, 5, add(4))))).toBe('E_WRONG_RUN')
    const elsewhere = bookWith(signed(run, 3, add(4)))
    expect(codeOf(() => book.offer(signed(elsewhere.at(3), 5, add(5), [0, 1, 2, 3])))).toBe('E_EPOCH')
    const fixed = runOf(4, { chain: { architecture: 'bft', params: {} } })
    expect(isChangeable(fixed)).toBe(false)
    expect(isChangeable(run)).toBe(true)
    expect(codeOf(() => openEpochs(fixed).offer(signed(fixed, 5, add(4))))).toBe('E_CHANGE')
    expect(refusal(() => checkChangeable(fixed)).message).toContain('`chain`')
    expect(() => checkChangeable(run)).not.toThrow()
  })

  it('hold later than all that they build on', () => {
    const book = bookWith(signed(run, 3, add(4)))
    const all = [0, 1, 2, 3]
    expect(codeOf(() => book.offer(signed(book.at(3), 3, add(5), all)))).toBe('E_CHANGE')
    expect(codeOf(() => book.offer(signed(book.at(3), 2, add(5), all)))).toBe('E_CHANGE')
    expect(book.offer(signed(book.at(3), 4, add(5), all))).toBe('decided')
    expect(membersOf(book.at(4))).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('are decided by the members of their base alone', () => {
    const book = bookWith(signed(run, 3, add(4)), signed(run, 3, add(5)))
    const after = book.at(3)
    expect(after.manifest.members).toHaveLength(6)
    expect(book.offer(signed(after, 4, rounds(30), [0, 1, 2, 3]))).toBe('pending')
    expect(book.offer(signed(after, 4, rounds(30), [4]))).toBe('decided')
    // Of the manifest those who came later decide nothing.
    expect(book.offer(signed(run, 4, rounds(40), [0, 1, 4, 5]))).toBe('pending')
    expect(book.offer(signed(run, 4, rounds(40), [2]))).toBe('decided')
  })

  it('are understood by whoever never was in the epoch that they build on', () => {
    const early = signed(run, 2, add(4))
    const late = signed(run, 3, add(5))
    // Here `early` was decided when its round was long over.
    const there = bookWith(late)
    const next = signed(there.at(3), 6, rounds(30), [0, 1, 2, 3])
    expect(there.offer(next)).toBe('decided')
    expect(there.offer(early)).toBe('decided')
    const here = bookWith(...there.decided.map(({ message }) => message))
    expect(here.decided.map(({ message }) => message.change.from)).toEqual([2, 3, 6])
    expect(here.at(6).epoch?.equals(there.at(6).epoch!)).toBe(true)
    expect(here.at(6).roster).toEqual(there.at(6).roster)
    expect(here.baseOf(next)?.manifest.members).toEqual(runOf(4).manifest.members.concat(peer(5)))
    expect(openEpochs(run).baseOf(next)).toBeUndefined()
  })

  it('remember no epoch that a change only claims to build on', () => {
    const book = bookWith(signed(run, 2, add(4)), signed(run, 3, add(5)))
    const elsewhere = bookWith(signed(run, 3, add(5)))
    const claimed = elsewhere.at(3)
    expect(codeOf(() => book.offer(signed(claimed, 6, rounds(30), [30])))).toBe('E_CHANGE')
    expect(book.changesOf(claimed.epoch)).toBeUndefined()
    expect(book.base.viewOf(claimed.epoch)).toBeUndefined()
  })

  it('of one round take effect in order of their CIDs', () => {
    const [one, two] = [signed(run, 5, replace(3, 20)), signed(run, 5, replace(3, 21))]
    const first = one.cid.toString() < two.cid.toString() ? 20 : 21
    for (const book of [bookWith(one, two), bookWith(two, one)]) {
      expect(membersOf(book.at(5))).toEqual([0, 1, 2, first])
      expect(problems(book)).toEqual([undefined, expect.stringContaining('is not a member')])
    }
  })

  it.each([
    ['adds a member twice', add(3), 'is a member already'],
    ['removes a stranger', remove(20), 'is not a member'],
    ['replaces a stranger', replace(20, 21), 'is not a member'],
    ['puts one member in the place of another', replace(3, 2), 'is a member already'],
    ['has the rounds that there are', rounds(20), '20 rounds already'],
  ])('are not begun when one %s', (_what, amendment, why) => {
    const refused = refusal(() => openEpochs(run).offer(signed(run, 5, amendment, [0])))
    expect(refused.code).toBe('E_CHANGE')
    expect(refused.message).toContain(why)
  })

  it('do nothing when decided though impossible, and others go on', () => {
    const book = bookWith(signed(run, 5, remove(3)), signed(run, 6, remove(3), [3]), signed(run, 7, add(4)))
    expect(problems(book)).toEqual([undefined, expect.stringContaining('is not a member'), undefined])
    expect(membersOf(book.at(7))).toEqual([0, 1, 2, 4])
    expect(book.at(6).epoch?.equals(book.at(5).epoch!)).toBe(false)
  })

  it('bring no former member back under its old key', () => {
    const book = bookWith(signed(run, 5, remove(3)))
    const three = [0, 1, 2]
    for (const [amendment, signers] of [
      [add(3), [0]],
      [add(3), three],
      [replace(0, 3), [0, 1, 2, 3]],
    ] as const)
      expect(refusal(() => book.offer(signed(book.at(5), 6, amendment, signers))).message).toContain(
        'was a member before',
      )
    // Nor as the new key of another member.
    const apart = openEpochs(runOf(5))
    const five = runOf(5)
    expect(apart.offer(signed(five, 5, remove(4), [4]))).toBe('decided')
    expect(apart.offer(signed(five, 6, replace(3, 20), [3, 20]))).toBe('decided')
    expect(membersOf(apart.at(6))).toEqual([0, 1, 2, 20])
    expect(codeOf(() => apart.offer(signed(apart.at(6), 7, replace(20, 4), [20, 4])))).toBe('E_CHANGE')
    expect(book.offer(signed(book.at(5), 8, add(20), three))).toBe('decided')
    expect(membersOf(book.at(8))).toEqual([0, 1, 2, 20])
  })

  it('keep every index of the roster, and the place in the topology of a new key', () => {
    const book = bookWith(
      signed(run, 3, remove(1)),
      signed(run, 4, replace(2, 20), [2, 20]),
      signed(run, 5, add(4)),
    )
    expect(membersOf(book.at(5))).toEqual([0, 20, 3, 4])
    expect(rosterOf(book.at(5))).toEqual([0, 1, 2, 3, 20, 4])
    const { rosterIndex, memberIndex } = book.at(5)
    expect([1, 20, 4].map((key) => rosterIndex.get(peer(key)))).toEqual([1, 4, 5])
    expect(memberIndex.has(peer(1))).toBe(false)
    expect([1, 2, 20].map((key) => book.wasEverMember(peer(key)))).toEqual([true, true, true])
  })

  it('never remove the last member', () => {
    const alone = runOf(1)
    const book = openEpochs(alone)
    expect(refusal(() => book.offer(signed(alone, 3, remove(0), [0]))).message).toContain('last member')
    const two = runOf(2)
    const both = openEpochs(two)
    expect(both.offer(signed(two, 3, remove(0), [0]))).toBe('decided')
    expect(both.offer(signed(two, 3, remove(1), [1]))).toBe('decided')
    expect(both.at(3).manifest.members).toHaveLength(1)
    expect(problems(both)).toEqual([undefined, 'the last member cannot go'])
  })

  it('change rounds and deadlines, the later one last', () => {
    const deadlines = { collectMs: 77 }
    const book = bookWith(
      signed(run, 5, rounds(30)),
      signed(run, 6, rounds(10)),
      signed(run, 6, { kind: 'deadlines', deadlines }),
    )
    expect(book.at(5).manifest.training.rounds).toBe(30)
    expect(book.at(6).manifest.training.rounds).toBe(10)
    expect(book.at(6).manifest.deadlines).toEqual({ ...run.manifest.deadlines, collectMs: 77 })
  })

  it('do nothing where the run could not go on with them', () => {
    const even: ProblemOf = ({ manifest }) =>
      manifest.members.length % 2 === 0 ? undefined : 'an odd number of members'
    const book = openEpochs(run, even)
    for (const signers of [[0], [0, 1, 2]])
      expect(refusal(() => book.offer(signed(run, 5, add(4), signers))).message).toContain('odd number')
    // Possible by itself, but not after another one.
    const few: ProblemOf = ({ manifest }) =>
      manifest.members.length > 5 ? 'more than five members' : undefined
    const small = openEpochs(run, few)
    expect(small.offer(signed(run, 5, add(4)))).toBe('decided')
    expect(small.offer(signed(run, 6, add(5)))).toBe('decided')
    expect(membersOf(small.at(6))).toEqual([0, 1, 2, 3, 4])
    expect(problems(small)).toEqual([undefined, 'more than five members'])
  })

  it('of an epoch that ended decide nothing once the window is over', () => {
    const { changeWindow } = LIMITS
    const atLimit = bookWith(signed(run, 3, remove(3)), signed(run, 3 + changeWindow, rounds(30)))
    expect(problems(atLimit)).toEqual([undefined, undefined])
    const above = bookWith(signed(run, 3, remove(3)), signed(run, 4 + changeWindow, rounds(30)))
    expect(problems(above)).toEqual([undefined, expect.stringContaining('rounds before')])
    expect(above.at(1e6).manifest.training.rounds).toBe(20)
    // Those who have it in their base, and epochs in which nobody came or went, still decide.
    const after = bookWith(signed(run, 3, remove(3)))
    after.offer(signed(after.at(3), 4 + changeWindow, rounds(30), [0, 1, 2]))
    expect(problems(after)).toEqual([undefined, undefined])
    const longer = bookWith(signed(run, 3, rounds(25)), signed(run, 4 + changeWindow, rounds(30)))
    expect(problems(longer)).toEqual([undefined, undefined])
  })

  it('wait no longer than the window', () => {
    const book = openEpochs(run)
    book.offer(signed(run, 5, add(4), [0]))
    book.expire(5 + LIMITS.changeWindow)
    expect(book.pending).toHaveLength(1)
    book.expire(6 + LIMITS.changeWindow)
    expect(book.pending).toEqual([])
  })
})

describe('what others can make a node remember of changes', () => {
  const { maxPendingPerSigner, maxPendingChanges, maxChanges, maxMembers } = LIMITS

  it('is so many that one signer began and that wait', () => {
    const book = openEpochs(run)
    for (let k = 0; k < maxPendingPerSigner; k++) book.offer(signed(run, 5, rounds(100 + k), [0]))
    expect(codeOf(() => book.offer(signed(run, 5, rounds(50), [0])))).toBe('E_CHANGE')
    expect(book.offer(signed(run, 5, rounds(50), [1]))).toBe('pending')
    // Signatures under those that wait, and what is decided at once, have room.
    expect(book.offer(signed(run, 5, rounds(50), [0]))).toBe('pending')
    expect(book.offer(signed(run, 5, rounds(60)))).toBe('decided')
    expect(book.offer(signed(run, 5, rounds(100), [0, 1, 2]))).toBe('decided')
    expect(book.offer(signed(run, 5, rounds(51), [0]))).toBe('pending')
  })

  it('is so many that wait in all', () => {
    const many = runOf(40)
    const book = openEpochs(many)
    let begun = 0
    for (let key = 0; key < 40 && begun < maxPendingChanges; key++)
      for (let k = 0; k < maxPendingPerSigner && begun < maxPendingChanges; k++) {
        expect(book.offer(signed(many, 5, rounds(100 + begun), [key]))).toBe('pending')
        begun += 1
      }
    expect(codeOf(() => book.offer(signed(many, 5, rounds(50), [39])))).toBe('E_CHANGE')
    expect(book.pending).toHaveLength(maxPendingChanges)
    book.expire(6 + LIMITS.changeWindow)
    expect(book.offer(signed(many, 5, rounds(50), [39]))).toBe('pending')
  })

  it('is so many that were decided', () => {
    const alone = runOf(1)
    const book = openEpochs(alone)
    for (let k = 0; k < maxChanges; k++) book.offer(signed(alone, k, rounds(21 + (k % 2)), [0]))
    expect(book.decided).toHaveLength(maxChanges)
    expect(codeOf(() => book.offer(signed(alone, maxChanges, rounds(50), [0])))).toBe('E_CHANGE')
  })

  it('is so many members in all, with those that have gone', () => {
    const count = maxMembers - 1
    const roster = [...run.roster, ...Array.from({ length: count - 4 }, (_, k) => `peer-${k}`)]
    const large: Run = { ...run, roster }
    const book = openEpochs(large)
    expect(book.offer(signed(run, 5, add(4)))).toBe('decided')
    expect(book.at(5).roster).toHaveLength(maxMembers)
    expect(book.offer(signed(run, 6, add(5)))).toBe('decided')
    expect(book.offer(signed(run, 7, replace(3, 20)))).toBe('decided')
    expect(book.offer(signed(run, 8, remove(3)))).toBe('decided')
    expect(problems(book)).toEqual([
      undefined,
      expect.stringContaining(`at most ${maxMembers}`),
      expect.stringContaining(`at most ${maxMembers}`),
      undefined,
    ])
  })
})
