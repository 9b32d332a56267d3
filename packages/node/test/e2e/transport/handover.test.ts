import { blobCid, STREAM_PROTOCOLS, sha256 } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.js'
import { randomIdentity } from '../../../src/identity-file.js'
import {
  deliverModel,
  fetchDocument,
  type Handover,
  type HandoverCall,
  openHandover,
} from '../../../src/transport/handover.js'
import { withMember } from '../../../src/transport/member-client.js'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const document = text('what is to be done')
const model = Uint8Array.from({ length: 3_000_000 }, (_, k) => (k * 31) % 251)
const modelCid = blobCid(model)

interface Host {
  readonly handover: Handover
  readonly taken: { readonly cid: CID; readonly bytes: Uint8Array; readonly from: string }[]
  readonly troubles: string[]
}

const open: Handover[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.stop()))
})

async function host(wanted: CID | null = modelCid, length = model.byteLength): Promise<Host> {
  const taken: Host['taken'] = []
  const troubles: string[] = []
  const handover = await openHandover({
    identity: randomIdentity(),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    clock: systemClock,
    document: (digest) => (Buffer.compare(digest, sha256(document)) === 0 ? document : undefined),
    expected: async (cid) =>
      wanted?.equals(cid) === true ? (taken.length === 0 ? length : 'have') : 'refused',
    async take(cid, bytes, from) {
      taken.push({ cid, bytes, from })
    },
    onError: (what) => troubles.push(what),
  })
  open.push(handover)
  return { handover, taken, troubles }
}

const call = ({ handover }: Host, identity = randomIdentity()): HandoverCall => ({
  identity,
  address: handover.addresses()[0]!,
  clock: systemClock,
  signal: new AbortController().signal,
})
const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error) => error.code,
  )

describe('a document', () => {
  it('is given to whoever asks for it by its hash', async () => {
    const one = await host()
    expect(Buffer.from(await fetchDocument(call(one), sha256(document))).toString()).toBe(
      'what is to be done',
    )
  })

  it('is not found under another hash', async () => {
    expect(await codeOf(fetchDocument(call(await host()), sha256(text('another'))))).toBe('E_NOT_FOUND')
  })

  it('cannot be had where nobody listens', async () => {
    const one = await host()
    const asked = call(one)
    await one.handover.stop()
    expect(await codeOf(fetchDocument(asked, sha256(document)))).toBe('E_NO_CONNECTION')
  })
})

describe('a model', () => {
  it('is taken once, from whoever brings it first', async () => {
    const one = await host()
    const identity = randomIdentity()
    expect(await deliverModel(call(one, identity), modelCid, model)).toBe('taken')
    expect(one.taken).toHaveLength(1)
    expect(one.taken[0]!.from).toBe(identity.signer.peerId)
    expect(Buffer.compare(one.taken[0]!.bytes, model)).toBe(0)
    expect(await deliverModel(call(one), modelCid, model)).toBe('have')
  })

  it('that nobody wants is not sent', async () => {
    const one = await host(null)
    expect(await deliverModel(call(one), modelCid, model)).toBe('refused')
  })

  it('of another length than the expected one is not sent', async () => {
    const one = await host(modelCid, model.byteLength - 1)
    expect(await deliverModel(call(one), modelCid, model)).toBe('refused')
    expect(one.taken).toEqual([])
  })

  it('whose bytes are others is not taken, and the next one can bring it', async () => {
    const one = await host()
    expect(await codeOf(deliverModel(call(one), modelCid, model.slice().fill(1)))).toBe('E_HASH_MISMATCH')
    expect(one.taken).toEqual([])
    expect(await deliverModel(call(one), modelCid, model)).toBe('taken')
  })

  it('is had although somebody stalls who brings it too', async () => {
    const one = await host()
    // It is asked for the bytes, and sends none.
    const stalling = withMember(
      randomIdentity(),
      one.handover.addresses()[0]!,
      {
        clock: systemClock,
        deadlines: { dialMs: 10_000, firstByteMs: 10_000, transferMs: 60_000 },
        signal: new AbortController().signal,
      },
      (peer, direct) =>
        direct.exchange(
          peer,
          STREAM_PROTOCOLS.delivery,
          new AbortController().signal,
          async (stream, { whole }) => {
            await stream.writeFrame({ model: modelCid, byteLength: model.byteLength }, whole)
            const asked = await stream.readFrame(whole)
            const brought = await deliverModel(call(one), modelCid, model)
            return { asked, brought }
          },
        ),
    )
    expect(await stalling).toEqual({ asked: { answer: 'send' }, brought: 'taken' })
    expect(one.taken).toHaveLength(1)
  })
})
