import {
  type Amendment,
  approvalOf,
  approveChange,
  LIMITS,
  ProtocolError,
  type Run,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { createMemoryChanges } from '../../../src/epochs/change-store.js'
import { createMembership, openMembership } from '../../../src/epochs/membership.js'
import { InboundError } from '../../../src/inbound/inbound-error.js'
import { takeChange } from '../../../src/inbound/validate-change.js'
import { silentLogger } from '../../../src/logger.js'
import { signed } from '../../support/changes.js'
import { freshMembership } from '../../support/memberships.js'
import { makeRun, otherRun, signers, stranger } from '../../support/run-fixture.js'

const run = makeRun()
const peers = signers.map(({ peerId }) => peerId)
const add: Amendment = { kind: 'add', member: peers[4] }
const more: Amendment = { kind: 'rounds', rounds: 60 }

const codeOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof InboundError) return error.code
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('what a node knows of the changes of its run', () => {
  it('comes in from others, and is reported once', () => {
    const membership = freshMembership(run)
    const news: string[] = []
    const end = membership.onNews(({ approvals }, offer, via) =>
      news.push(`${offer} ${approvals.length} ${via}`),
    )
    const whole = signed(add, 5)
    for (const index of [0, 0, 1, 2, 3])
      membership.take(approvalOf(signed(add, 5, [0, 1, 2, 3]), peers[index])!.bytes, 'gossip')
    expect(news).toEqual(['pending 1 gossip', 'pending 2 gossip', 'decided 3 gossip'])
    end()
    membership.take(signed(more, 5).bytes)
    expect(news).toHaveLength(3)
    expect(membership.decided.map(({ message }) => message.cid.toString())).toContain(whole.cid.toString())
    expect(membership.at(5).memberIndex.has(peers[4])).toBe(true)
    expect(membership.wasEverMember(peers[4])).toBe(true)
    expect(membership.wasEverMember(stranger.peerId)).toBe(false)
  })

  it('says which changes hold in its round', () => {
    const membership = freshMembership(run)
    const whole = signed(add, 5)
    membership.take(whole.bytes)
    membership.enter(4, [])
    expect(membership.inForce()).toEqual([])
    membership.enter(5, [])
    expect(membership.inForce().map(String)).toEqual([whole.cid.toString()])
    expect(membership.round).toBe(5)
  })

  it('knows who decides about a change, also of an epoch that it never was in', () => {
    const there = freshMembership(run)
    const [early, late] = [signed(more, 2), signed(add, 3)]
    there.take(late.bytes)
    const next = signed({ kind: 'rounds', rounds: 70 }, 6, [0, 1, 2, 3], there.at(3))
    there.take(next.bytes)
    there.take(early.bytes)
    const here = freshMembership(run)
    expect(here.epochOf(next)).toBeUndefined()
    expect(codeOf(() => here.take(next.bytes))).toBe('E_EPOCH')
    for (const { message } of there.decided) here.take(message.bytes)
    expect(here.decided).toHaveLength(3)
    expect(here.epochOf(next)?.manifest.members).toEqual(peers.slice(0, 5))
    expect(here.at(6).epoch?.toString()).toBe(there.at(6).epoch?.toString())
  })

  it('drops what others send that is wrong, and blames nobody for what depends on what is known', () => {
    const membership = freshMembership(run)
    const actionOf = (bytes: Uint8Array): string => {
      try {
        takeChange(bytes, membership, 'peer')
      } catch (error) {
        if (error instanceof InboundError) return `${error.action} ${error.code}`
        throw error
      }
      return 'taken'
    }
    const whole = signed(add, 5)
    const forged = whole.bytes.slice()
    forged[forged.indexOf(0x58) + 200] ^= 1
    expect(actionOf(new Uint8Array(LIMITS.maxChangeBytes + 1))).toBe('reject E_TOO_LARGE')
    expect(actionOf(Uint8Array.of(1, 2))).toBe('reject E_MALFORMED')
    expect(actionOf(signed(add, 5, [0, 1, 2], otherRun).bytes)).toBe('reject E_WRONG_RUN')
    expect(actionOf(approveChange({ ...whole, approvals: [] }, stranger).bytes)).toBe('ignore E_CHANGE')
    expect(actionOf(whole.bytes)).toBe('taken')
    expect(actionOf(whole.bytes)).toBe('ignore E_DUPLICATE')
  })
})

describe('a change that comes late', () => {
  const { changeWindow } = LIMITS
  const late = signed(add, 5)
  const four = peers.slice(1, 4)

  it('is taken as long as the window is open', () => {
    const membership = freshMembership(run)
    membership.enter(5 + changeWindow, four)
    expect(membership.take(late.bytes)).toBe('decided')
    const after = freshMembership(run)
    after.enter(6 + changeWindow, four)
    expect(codeOf(() => after.take(late.bytes))).toBe('E_CHANGE')
    expect(after.decided).toEqual([])
  })

  it.each([
    [0, false],
    [1, false],
    [2, true],
    [3, true],
  ])('is taken afterwards where %d of 3 neighbours have it in force: %s', (having, taken) => {
    const membership = freshMembership(run)
    membership.enter(6 + changeWindow, four)
    for (const peer of four.slice(0, having)) membership.noteInForce(peer, [late.cid])
    // Those who are no neighbours do not count.
    membership.noteInForce(peers[5], [late.cid])
    membership.noteInForce(peers[6], [late.cid])
    if (taken) expect(membership.take(late.bytes)).toBe('decided')
    else expect(codeOf(() => membership.take(late.bytes))).toBe('E_CHANGE')
  })

  it('is not taken from half of the neighbours, nor without any', () => {
    const two = freshMembership(run)
    two.enter(6 + changeWindow, four.slice(0, 2))
    two.noteInForce(four[0], [late.cid])
    expect(codeOf(() => two.take(late.bytes))).toBe('E_CHANGE')
    const alone = freshMembership(run)
    alone.enter(6 + changeWindow, [])
    expect(codeOf(() => alone.take(late.bytes))).toBe('E_CHANGE')
  })

  it('is not taken on the word of neighbours of an epoch before, or who have taken it back', () => {
    const membership = freshMembership(run)
    for (const peer of four) membership.noteInForce(peer, [late.cid])
    membership.enter(6 + changeWindow, [peers[4], peers[5]])
    membership.enter(6 + changeWindow, four)
    expect(codeOf(() => membership.take(late.bytes))).toBe('E_CHANGE')
    for (const peer of four) membership.noteInForce(peer, [late.cid])
    for (const peer of four) membership.noteInForce(peer, [])
    expect(codeOf(() => membership.take(late.bytes))).toBe('E_CHANGE')
  })

  it('waits no longer once the window is over', () => {
    const membership = freshMembership(run)
    membership.take(approvalOf(late, peers[0])!.bytes)
    membership.enter(5 + changeWindow, four)
    expect(membership.pending).toHaveLength(1)
    membership.enter(6 + changeWindow, four)
    expect(membership.pending).toEqual([])
    expect(codeOf(() => membership.take(late.bytes))).toBe('E_CHANGE')
  })
})

describe('the word of a node for a change', () => {
  it('goes to one that waits and makes the same amendment, whatever its round', () => {
    const membership = freshMembership(run)
    membership.take(signed(add, 5, [0]).bytes)
    const message = membership.propose({ kind: 'add', member: peers[4] }, 9, signers[1])
    expect(message.change.from).toBe(5)
    expect(membership.pending).toHaveLength(1)
    expect(message.approvals).toHaveLength(2)
  })

  it('goes to one with the same deadlines in another order', () => {
    const membership = freshMembership(run)
    membership.take(signed({ kind: 'deadlines', deadlines: { joinMs: 5, collectMs: 6 } }, 5, [0]).bytes)
    membership.propose({ kind: 'deadlines', deadlines: { collectMs: 6, joinMs: 5 } }, 9, signers[1])
    expect(membership.pending).toHaveLength(1)
    membership.propose({ kind: 'deadlines', deadlines: { collectMs: 6, joinMs: 7 } }, 9, signers[1])
    expect(membership.pending).toHaveLength(2)
  })

  it('begins a new one of the epoch that holds', () => {
    const membership = freshMembership(run)
    membership.take(signed(add, 5).bytes)
    membership.enter(5, [])
    const message = membership.propose(more, 9, signers[0])
    expect(message.change.base?.toString()).toBe(membership.at(5).epoch?.toString())
    expect(membership.pending.map(({ cid }) => cid.toString())).toEqual([message.cid.toString()])
  })

  it('is refused for what has no effect, and for those who have no say', () => {
    const membership = freshMembership(run)
    const refused = (amendment: Amendment, index = 0): string =>
      codeOf(() => membership.propose(amendment, 5, signers[index]))
    expect(refused({ kind: 'add', member: peers[1] })).toBe('E_CHANGE')
    expect(refused({ kind: 'rounds', rounds: 40 })).toBe('E_CHANGE')
    expect(refused(more, 6)).toBe('E_CHANGE')
    expect(refused({ kind: 'deadlines', deadlines: {} })).toBe('E_MALFORMED')
    expect(membership.pending).toEqual([])
  })

  it('is given by the end of a CID, where that is of one change', () => {
    const membership = freshMembership(run)
    const waiting: CID[] = []
    for (let rounds = 41; waiting.length < 16; rounds++) {
      const by = signers[rounds % 4]
      waiting.push(membership.propose({ kind: 'rounds', rounds }, 5, by).cid)
    }
    // Of 16 changes two end in the same letter, or each in another one of 32.
    const ends = waiting.map((cid) => cid.toString().slice(-1))
    const twice = ends.find((end, k) => ends.indexOf(end) < k)
    expect(twice).toBeDefined()
    expect(() => membership.approve(twice!, signers[0])).toThrow(
      /changes that wait for signatures have a CID/,
    )
    expect(() => membership.approve('nothing', signers[0])).toThrow(/no change that waits for signatures has/)
    const [cid] = waiting
    const before = membership.pending.find((message) => message.cid.equals(cid))!.approvals[0].author
    const other = signers.slice(0, 4).find(({ peerId }) => peerId !== before)!
    expect(membership.approve(cid.toString().slice(-10), other).approvals).toHaveLength(2)
    expect(membership.approve(cid.toString(), other).approvals).toHaveLength(2)
  })

  it('and that of a new key replace a key, once the others have signed', () => {
    const membership = freshMembership(run)
    const news: string[] = []
    membership.onNews((_message, offer, via) => news.push(`${offer} ${via}`))
    const replace: Amendment = { kind: 'replace', member: peers[3], by: peers[5] }
    const message = membership.propose(replace, 5, signers[3])
    membership.countersign(message, signers[5])
    for (const index of [0, 1, 2]) membership.approve(message.cid.toString(), signers[index])
    expect(news).toEqual([...Array(4).fill('pending self'), 'decided self'])
    expect(membership.at(5).manifest.members).toEqual([...peers.slice(0, 3), peers[5]])
    expect(() => membership.approve(message.cid.toString(), signers[0])).toThrow(/no change/)
  })
})

describe('changes on disk', () => {
  it('are there after a restart, decided or not', async () => {
    const store = createMemoryChanges()
    const membership = createMembership(run, store, [], silentLogger)
    membership.take(signed(add, 5).bytes)
    membership.propose(more, 6, signers[0])
    await membership.saved()
    const again = await openMembership(run, store, silentLogger)
    expect(again.decided).toHaveLength(1)
    expect(again.pending).toHaveLength(1)
    expect(again.at(9).epoch?.toString()).toBe(membership.at(9).epoch?.toString())
  })

  it('are all there, though one of them was decided long after one that builds on another', async () => {
    const store = createMemoryChanges()
    const membership = createMembership(run, store, [], silentLogger)
    membership.take(signed(add, 3).bytes)
    membership.take(signed({ kind: 'rounds', rounds: 70 }, 6, [0, 1, 2, 3], membership.at(3)).bytes)
    membership.take(signed(more, 2).bytes)
    await membership.saved()
    const warnings: unknown[] = []
    const logger = { ...silentLogger, warn: (text: unknown) => warnings.push(text) } as typeof silentLogger
    const again = await openMembership(run, store, logger)
    expect(warnings).toEqual([])
    expect(again.decided).toHaveLength(3)
    expect(again.at(9).epoch?.toString()).toBe(membership.at(9).epoch?.toString())
  })

  it('are left out where they do not open any more', () => {
    const warnings: unknown[] = []
    const logger = { ...silentLogger, warn: (text: unknown) => warnings.push(text) } as typeof silentLogger
    const good = signed(add, 5).bytes
    const membership = createMembership(
      run,
      createMemoryChanges(),
      [good.slice(0, -1), good, signed(add, 5, [0, 1, 2], otherRun).bytes],
      logger,
    )
    expect(membership.decided).toHaveLength(1)
    expect(warnings).toHaveLength(2)
  })

  it('may fail to be written: it is said, and the next write has all of them', async () => {
    const errors: unknown[] = []
    const logger = {
      ...silentLogger,
      error: (_: unknown, text?: string) => void errors.push(text),
    } as unknown as typeof silentLogger
    const saves: number[] = []
    const store = {
      async save(_run: Run, changes: readonly Uint8Array[]) {
        saves.push(changes.length)
        if (saves.length === 1) throw new Error('disk full')
      },
    }
    const membership = createMembership(run, store, [], logger)
    membership.take(signed(add, 5).bytes)
    await expect(membership.saved()).rejects.toThrow('disk full')
    expect(errors).toEqual([expect.stringContaining('disk full')])
    membership.take(signed(more, 5).bytes)
    await membership.saved()
    expect(saves).toEqual([1, 2])
    // Nothing new: nothing to write.
    membership.take(signed(more, 5).bytes)
    await membership.saved()
    expect(saves).toHaveLength(2)
  })
})
