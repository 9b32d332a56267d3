import { type Block, blockBody, ChainError, chainSpec, signBlock, signMessage } from '@tempered/chain'
import { makeEvidence, sealManifest } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { thrownBy } from '../../../../../test-support/thrown-by.js'
import { createInbound, type InboundHandlers } from '../../../src/inbound/inbound.js'
import { announce, makeRun, modelCid, run, signers, stranger } from '../../support/run-fixture.js'

const chain = chainSpec('bft', {})
const RUN = makeRun({ chain })
const OTHER_RUN = makeRun({ chain, name: 'another' })

function blockOf(signer = signers[1], ofRun = RUN): Block {
  const proposal = {
    round: 0,
    heads: [],
    candidates: [{ member: 0, model: modelCid(1) }],
    aggregate: modelCid(2),
  }
  return signBlock(
    { ...blockBody({ run: ofRun, parent: undefined }, signer.peerId, proposal), proof: {} },
    signer,
  )
}

const messageOf = (signer = signers[1], ofRun = RUN) => signMessage(ofRun, { kind: 'x' }, signer)

const ignore = () => undefined
const inboundWith = (handlers: Partial<InboundHandlers>) =>
  createInbound(
    RUN,
    [],
    { announcement: ignore, head: ignore, evidence: ignore, accusation: ignore, ...handlers },
    () => 0,
  )

describe.each([
  ['block', blockOf],
  ['chainMessage', messageOf],
] as const)('%s from the wire', (kind, make) => {
  it('is passed on', () => {
    const heard: unknown[] = []
    const inbound = inboundWith({ [kind]: (message: { bytes: Uint8Array }) => heard.push(message.bytes) })
    const { bytes } = make()
    expect(inbound[kind](bytes).bytes).toEqual(bytes)
    expect(heard).toEqual([bytes])
  })

  it('needs no handler', () => {
    const { bytes } = make()
    expect(inboundWith({})[kind](bytes).bytes).toEqual(bytes)
  })

  it.each([
    ['another run', make(signers[1], OTHER_RUN).bytes, 'E_WRONG_RUN'],
    ['somebody who is no member', make(stranger).bytes, 'E_NOT_A_MEMBER'],
    [
      'a forged signature',
      make().bytes.map((byte, k, all) => (k === all.length - 1 ? byte ^ 1 : byte)),
      'E_SIGNATURE',
    ],
  ])('of %s is rejected', (_, bytes, code) => {
    const inbound = inboundWith({ [kind]: () => expect.fail('was passed on') })
    expect(thrownBy(() => inbound[kind](bytes))).toMatchObject({ action: 'reject', code })
  })

  it('of a member that is quarantined is dropped', () => {
    const inbound = inboundWith({ [kind]: () => expect.fail('was passed on') })
    inbound.quarantine(signers[1].peerId)
    expect(thrownBy(() => inbound[kind](make().bytes))).toMatchObject({
      action: 'ignore',
      code: 'E_QUARANTINED',
    })
  })

  it('that its architecture refuses is rejected with the code', () => {
    const inbound = inboundWith({
      [kind]: () => {
        throw new ChainError('E_BLOCK_PROOF', 'no')
      },
    })
    expect(thrownBy(() => inbound[kind](make().bytes))).toMatchObject({
      action: 'reject',
      code: 'E_BLOCK_PROOF',
    })
  })
})

describe('announcements', () => {
  it('of a run with a lower limit of their size are rejected above it', () => {
    const low = sealManifest({
      ...run.manifest,
      limits: { ...run.manifest.limits, maxAnnouncementBytes: 100 },
    })
    const inbound = createInbound(
      low,
      [],
      { announcement: ignore, head: ignore, evidence: ignore, accusation: ignore },
      () => 0,
    )
    const { bytes } = announce(signers[1], 0, { run: low.id })
    expect(thrownBy(() => inbound.announcement(bytes, signers[1].peerId))).toMatchObject({
      action: 'reject',
      code: 'E_TOO_LARGE',
    })
  })
})

describe('evidence', () => {
  it('against a member that was convicted before is no news', () => {
    const found: unknown[] = []
    const inbound = inboundWith({ evidence: (evidence) => found.push(evidence) })
    const { bytes } = makeEvidence(
      announce(signers[2], 1, { run: RUN.id }),
      announce(signers[2], 1, { run: RUN.id, model: modelCid(99) }),
    )
    inbound.quarantine(signers[2].peerId)
    expect(thrownBy(() => inbound.evidence(bytes, signers[1].peerId))).toMatchObject({ code: 'E_DUPLICATE' })
    expect(found).toEqual([])
  })
})
