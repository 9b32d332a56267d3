import { blobCid, sha256 } from '@tempered/protocol'
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
    expected: async (cid) => (taken.length === 0 && wanted?.equals(cid) ? length : undefined),
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
    expect(await deliverModel(call(one, identity), modelCid, model)).toBe(true)
    expect(one.taken).toHaveLength(1)
    expect(one.taken[0]!.from).toBe(identity.signer.peerId)
    expect(Buffer.compare(one.taken[0]!.bytes, model)).toBe(0)
    expect(await deliverModel(call(one), modelCid, model)).toBe(false)
  })

  it('that nobody wants is not sent', async () => {
    const one = await host(null)
    expect(await deliverModel(call(one), modelCid, model)).toBe(false)
  })

  it('of another length than the expected one is not sent', async () => {
    const one = await host(modelCid, model.byteLength - 1)
    expect(await deliverModel(call(one), modelCid, model)).toBe(false)
    expect(one.taken).toEqual([])
  })

  it('whose bytes are others is not taken, and the next one can bring it', async () => {
    const one = await host()
    expect(await codeOf(deliverModel(call(one), modelCid, model.slice().fill(1)))).toBe('E_HASH_MISMATCH')
    expect(one.taken).toEqual([])
    expect(await deliverModel(call(one), modelCid, model)).toBe(true)
  })

  it('that is being brought is not wanted from others meanwhile', async () => {
    const one = await host()
    const results = await Promise.all([1, 2, 3].map(() => deliverModel(call(one), modelCid, model)))
    expect(results.filter(Boolean)).toHaveLength(1)
    expect(one.taken).toHaveLength(1)
  })
})
