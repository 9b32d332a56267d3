import { encodeCanonical, type GroupWordBody, type SignedGroupWord, signGroupWord } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { thrownBy } from '../../../../../test-support/thrown-by.js'
import { createInbound } from '../../../src/inbound/inbound.js'
import { makeRun, signers } from '../../support/run-fixture.js'

const RUN = makeRun({ rounds: 10 })
const OTHER_RUN = makeRun({ rounds: 11 })

const wordOf = (member: number, changes: Partial<GroupWordBody> = {}): SignedGroupWord =>
  signGroupWord(
    { kind: 'complaint', dealers: [1], run: RUN.id, round: 4, ...changes } as GroupWordBody,
    signers[member],
  )

function inboundAt(round: number) {
  const heard: SignedGroupWord[] = []
  const ignore = () => undefined
  const inbound = createInbound(
    RUN,
    [],
    {
      announcement: ignore,
      head: ignore,
      evidence: ignore,
      accusation: ignore,
      groupWord: (word) => heard.push(word),
    },
    () => round,
  )
  return { inbound, heard }
}

describe('words of private rounds from the wire', () => {
  it('are passed on once, whoever sends them', () => {
    const { inbound, heard } = inboundAt(4)
    const word = wordOf(1)
    inbound.groupWord(word.bytes)
    expect(thrownBy(() => inbound.groupWord(word.bytes))).toMatchObject({
      action: 'ignore',
      code: 'E_DUPLICATE',
    })
    expect(heard.map(({ body }) => body.author)).toEqual([signers[1].peerId])
  })

  it('are passed on with one that contradicts them, and no third', () => {
    const { inbound, heard } = inboundAt(4)
    for (const dealers of [[1], [2]]) inbound.groupWord(wordOf(1, { dealers }).bytes)
    expect(thrownBy(() => inbound.groupWord(wordOf(1, { dealers: [3] }).bytes))).toMatchObject({
      action: 'ignore',
    })
    expect(heard).toHaveLength(2)
  })

  it.each([
    [2, 'ignore'],
    [3, 'taken'],
    [6, 'taken'],
    [7, 'ignore'],
    [10, 'reject'],
  ])('of round %i are %s in round 4', (round, what) => {
    const { inbound, heard } = inboundAt(4)
    const error = what === 'taken' ? undefined : thrownBy(() => inbound.groupWord(wordOf(1, { round }).bytes))
    if (what === 'taken') inbound.groupWord(wordOf(1, { round }).bytes)
    expect(heard).toHaveLength(what === 'taken' ? 1 : 0)
    expect((error as { action?: string } | undefined)?.action).toBe(what === 'taken' ? undefined : what)
  })

  it.each([
    ['another run', wordOf(1, { run: OTHER_RUN.id }).bytes, 'E_WRONG_RUN'],
    ['somebody who is no member', wordOf(5).bytes, 'E_NOT_A_MEMBER'],
    [
      'a forged signature',
      wordOf(1).bytes.map((byte, k, all) => (k === all.length - 1 ? byte ^ 1 : byte)),
      'E_SIGNATURE',
    ],
    ['another encoding', new Uint8Array([...wordOf(1).bytes, 0]), 'E_MALFORMED'],
    [
      'an unknown kind',
      encodeCanonical({ body: { ...wordOf(1).body, kind: 'song' }, signature: new Uint8Array(64) }),
      'E_MALFORMED',
    ],
    ['too many bytes', new Uint8Array(27 * 1024 + 1), 'E_TOO_LARGE'],
    [
      'a place that no group has',
      encodeCanonical({ body: { ...wordOf(1).body, dealers: [48] }, signature: new Uint8Array(64) }),
      'E_MALFORMED',
    ],
  ])('of %s are rejected', (_, bytes, code) => {
    const { inbound, heard } = inboundAt(4)
    expect(thrownBy(() => inbound.groupWord(bytes))).toMatchObject({ action: 'reject', code })
    expect(heard).toEqual([])
  })

  it('of a member that is quarantined are dropped', () => {
    const { inbound, heard } = inboundAt(4)
    inbound.quarantine(signers[1].peerId)
    expect(thrownBy(() => inbound.groupWord(wordOf(1).bytes))).toMatchObject({ code: 'E_QUARANTINED' })
    expect(heard).toEqual([])
  })
})
