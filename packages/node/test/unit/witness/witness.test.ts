import type { HeadMessage, SignedEntry, SignedHead } from '@tempered/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { createWitness, type Witness } from '../../../src/witness/witness.js'
import type { WitnessedState, WitnessStore } from '../../../src/witness/witness-store.js'
import { heldBy } from '../../support/held-memory.js'
import { entryCid, headOf, makeChain, run, signers } from '../../support/run-fixture.js'

const [me, a, b, c] = signers
const own: SignedEntry[] = makeChain(4)
const digest = (signer: typeof a, height: number) => entryCid(signer, height).multihash.digest

let saved: readonly WitnessedState[]
let finals: SignedHead[]
let store: WitnessStore
function open(): Witness {
  return createWitness({ run, signer: me, store, onFinal: (head) => finals.push(head) })
}

beforeEach(() => {
  saved = []
  finals = []
  store = {
    load: () => saved,
    save: async (states) => {
      saved = states
    },
  }
})

describe('a witness', () => {
  it('co-signs heads that extend each other, each once, with its own next head', async () => {
    const witness = open()
    expect(witness.consider(headOf(a, 0))).toBe('witnessed')
    expect(witness.consider(headOf(a, 1))).toBe('witnessed')
    expect(witness.consider(headOf(a, 1))).toBe('known')
    expect(witness.consider(headOf(b, 0))).toBe('witnessed')
    expect(await witness.sign()).toBeUndefined()
    expect(witness.due).toBe(true)
    witness.extendOwn(own[0])
    const message = await witness.sign()
    expect(message?.head.body.entry.equals(own[0].cid)).toBe(true)
    // Round 0 is the one that most of them are of; the head of round 1 waits for the next list.
    expect(message?.cosigned).toEqual({ round: 0, members: Uint8Array.of(0b110), others: [], size: 2 })
    expect(witness.due).toBe(true)
    witness.consider(headOf(b, 1))
    expect((await witness.sign())?.cosigned.members).toEqual(Uint8Array.of(0b110))
    expect(witness.due).toBe(false)
    expect((await witness.sign())?.cosigned.size).toBe(0)
  })

  it('lists its own head of the common round too, so that all witnesses list the same', async () => {
    const witness = open()
    witness.extendOwn(own[0])
    await witness.sign()
    for (const signer of [a, b, c]) witness.consider(headOf(signer, 0))
    witness.extendOwn(own[1])
    const message = await witness.sign()
    expect(message?.cosigned).toEqual({ round: 0, members: Uint8Array.of(0b1111), others: [], size: 4 })
  })

  it('catches up with heads that came late, by name', async () => {
    const witness = open()
    witness.extendOwn(own[0])
    for (const signer of [a, b]) witness.consider(headOf(signer, 0))
    await witness.sign()
    for (const [signer, height] of [
      [c, 0],
      [a, 1],
      [b, 1],
    ] as const)
      witness.consider(headOf(signer, height))
    const message = await witness.sign()
    expect(message?.cosigned.round).toBe(1)
    expect(message?.cosigned.others).toEqual([{ member: 3, height: 0 }])
  })

  it('co-signs at most eight heads of a member, the newest, however long it has signed nothing itself', async () => {
    const witness = open()
    for (let height = 0; height < 12; height++) witness.consider(headOf(a, height))
    witness.extendOwn(own[0])
    const listed: number[] = []
    while (witness.due) {
      const message = await witness.sign()
      listed.push(...(message?.cosigned.size === 0 ? [] : [message!.cosigned.round]))
    }
    expect(listed).toEqual([4, 5, 6, 7, 8, 9, 10, 11])
  })

  it('holds nothing for authors that are made up: asking for their digests leaves no trace', () => {
    const witness = open()
    const held = heldBy(() => {
      for (let k = 0; k < 100_000; k++) {
        expect(witness.digests(`made up ${k}`, 0)).toHaveLength(0)
        if (witness.seen(`made up ${k}`) !== 0) throw new Error('it was seen')
      }
    })
    // A record each took over 100 MB.
    expect(held).toBeLessThan(20_000_000)
  })

  it('does not co-sign members that were convicted', async () => {
    const witness = open()
    witness.extendOwn(own[0])
    for (const signer of [a, b, c]) witness.consider(headOf(signer, 0))
    witness.exclude(b.peerId)
    witness.consider(headOf(b, 1))
    expect((await witness.sign())?.cosigned.members).toEqual(Uint8Array.of(0b1010))
    expect(witness.due).toBe(false)
  })

  it('does not co-sign a tree that is not an extension, or a head whose parent is not the previous entry', () => {
    const witness = open()
    witness.consider(headOf(a, 0))
    expect(witness.consider(headOf(a, 1, { root: new Uint8Array(32) }))).toBe('inconsistent')
    expect(witness.consider(headOf(a, 1, { parent: entryCid(b, 0) }))).toBe('inconsistent')
    expect(witness.consider(headOf(b, 0, { parent: entryCid(b, 0) }))).toBe('inconsistent')
    expect(witness.seen(a.peerId)).toBe(1)
    expect(witness.consider(headOf(a, 1))).toBe('witnessed')
  })

  it('asks for what it missed and believes only digests that lead to the signed root', () => {
    const witness = open()
    witness.consider(headOf(a, 0))
    expect(witness.consider(headOf(a, 3))).toBe('gap')
    expect(witness.seen(a.peerId)).toBe(1)
    expect(witness.fill(a.peerId, [digest(a, 1)])).toBe('gap')
    expect(witness.fill(a.peerId, [digest(a, 2), digest(a, 1)])).toBe('inconsistent')
    expect(witness.seen(a.peerId)).toBe(1)
    expect(witness.fill(a.peerId, [digest(a, 1), digest(a, 2)])).toBe('witnessed')
    expect(witness.seen(a.peerId)).toBe(4)
    expect(witness.fill(a.peerId, [digest(a, 1)])).toBe('known')
    expect(witness.consider(headOf(a, 4))).toBe('witnessed')
  })

  it('gives others the digests that it has', () => {
    const witness = open()
    for (let height = 0; height < 3; height++) witness.consider(headOf(a, height))
    expect(witness.digests(a.peerId, 1)).toEqual([digest(a, 1), digest(a, 2)])
    expect(witness.digests(a.peerId, 3)).toEqual([])
    expect(witness.digests(b.peerId, 0)).toEqual([])
    for (const entry of own) witness.extendOwn(entry)
    expect(witness.digests(me.peerId, 2)).toEqual([own[2].cid.multihash.digest, own[3].cid.multihash.digest])
  })

  it('has on disk what it co-signs before anyone sees it, and after a restart co-signs no other history', async () => {
    const before = open()
    before.extendOwn(own[0])
    before.consider(headOf(a, 0))
    before.consider(headOf(a, 1))
    await before.sign()
    expect(saved.map(({ head }) => head.body.height)).toEqual([1])

    const after = open()
    after.extendOwn(own[0])
    const fork = headOf(a, 1, { entry: entryCid(b, 7) })
    expect(after.consider(fork)).toBe('known')
    expect(after.consider(headOf(a, 2, { parent: fork.head.body.entry }))).toBe('inconsistent')
    expect(after.due).toBe(false)
    expect(after.consider(headOf(a, 2))).toBe('witnessed')
    expect(after.digests(a.peerId, 0)).toEqual([])
    expect(after.digests(a.peerId, 1)).toEqual([digest(a, 1), digest(a, 2)])
  })

  it('knows a head as final when a quorum has signed, its own co-signature among them', async () => {
    const witness = open()
    witness.extendOwn(own[0])
    const head: HeadMessage = headOf(a, 0)
    witness.consider(head)
    witness.consider(headOf(b, 0, {}, [head]))
    expect(finals).toEqual([])
    await witness.sign()
    expect(finals.map(({ body }) => body.author)).toEqual([a.peerId])
    expect(witness.finalHead(a.peerId)?.cosignatures).toHaveLength(2)
    expect(witness.finalHead(c.peerId)).toBeUndefined()
  })
})
