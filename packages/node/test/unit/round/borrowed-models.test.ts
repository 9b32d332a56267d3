/** Models that nodes of one process share: read once, checked once, and given back when the last borrower is done. */

import { encodeModel, type SignedAnnouncement } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { NodeError } from '../../../src/errors.js'
import { createModelFetcher } from '../../../src/round/model-fetcher.js'
import type { BorrowedModel } from '../../../src/transport/network.js'
import { createSharedModels } from '../../../src/transport/shared-models.js'
import { createManualClock, settle } from '../../support/manual-clock.js'
import { announce, modelCid, signers } from '../../support/run-fixture.js'

const MODEL = Float32Array.of(1, -2, 0.5, 0)
const peer = signers[1].peerId
const said = (round: number): SignedAnnouncement => announce(signers[1], round, { model: modelCid(round) })

/** Nodes that borrow from one another; `read` gives the bytes of a blob. */
function setup(read: (cid: string) => Promise<Uint8Array>, nodes = 2) {
  const shared = createSharedModels(MODEL.length)
  const borrowed: BorrowedModel[] = []
  const codes: (string | undefined)[] = []
  const invalid: string[] = []
  const fetchers = Array.from({ length: nodes }, () =>
    createModelFetcher({
      network: {
        fetchModel: () => Promise.reject(new Error('not used where models can be borrowed')),
        async borrowModel(_peer, cid, byteLength, signal) {
          signal.throwIfAborted()
          expect(byteLength).toBe(encodeModel(MODEL).byteLength)
          const model = await shared.borrow(cid, () => read(cid))
          borrowed.push(model)
          return model
        },
      },
      clock: createManualClock(),
      parameterCount: MODEL.length,
      onOutcome: (_peer, _round, _model, code) => codes.push(code),
      onInvalid: ({ body }) => invalid.push(body.author),
    }),
  )
  return { shared, borrowed, codes, invalid, fetchers }
}

describe('borrowed models', () => {
  it('are read once and lie in the same memory for all', async () => {
    let reads = 0
    const { fetchers, codes } = setup(async () => {
      reads++
      return encodeModel(MODEL)
    })
    for (const fetcher of fetchers) fetcher.fetch(peer, said(0))
    await settle()
    expect(codes).toEqual([undefined, undefined])
    const [one, other] = fetchers.map((fetcher) => fetcher.take(peer, 0)?.parameters)
    expect(one).toEqual(MODEL)
    expect(other?.byteOffset).toBe(one?.byteOffset)
    expect(other?.buffer).toBe(one?.buffer)
    expect(reads).toBe(1)
  })

  it('stay until the last borrower is done, then their memory serves for another model', async () => {
    const second = Float32Array.of(5, 6, 7, 8)
    const { fetchers, borrowed } = setup(async (cid) =>
      encodeModel(cid === modelCid(0).toString() ? MODEL : second),
    )
    const [a, b] = fetchers
    for (const fetcher of fetchers) fetcher.fetch(peer, said(0))
    await settle()
    a.forget(1)
    expect(b.take(peer, 0)?.parameters).toEqual(MODEL)
    a.fetch(peer, said(1))
    await settle()
    expect(b.take(peer, 0)?.parameters).toEqual(MODEL)
    expect(a.take(peer, 1)?.parameters).toEqual(second)
    b.forget(1)
    await settle()
    b.fetch(peer, announce(signers[1], 2, { model: modelCid(2) }))
    await settle()
    expect(borrowed.at(-1)?.model.bytes.byteOffset).toBe(borrowed[0].model.bytes.byteOffset)
    expect(a.take(peer, 1)?.parameters).toEqual(second)
  })

  it('are refused by every borrower when they are no model, and reported', async () => {
    const { fetchers, codes, invalid } = setup(async () => encodeModel(Float32Array.of(1, Number.NaN, 0, 0)))
    for (const fetcher of fetchers) fetcher.fetch(peer, said(0))
    await settle()
    expect(codes).toEqual(['E_NOT_FINITE', 'E_NOT_FINITE'])
    expect(invalid).toEqual([peer, peer])
    expect(fetchers.map((fetcher) => fetcher.take(peer, 0))).toEqual([undefined, undefined])
  })

  it('can be read again after a read that failed', async () => {
    let fails = true
    const { shared } = setup(async () => encodeModel(MODEL))
    const read = async (): Promise<Uint8Array> => {
      if (fails) throw new NodeError('E_TOO_LARGE', 'gone')
      return encodeModel(MODEL)
    }
    await expect(shared.borrow('cid', read)).rejects.toMatchObject({ code: 'E_TOO_LARGE' })
    fails = false
    expect((await shared.borrow('cid', read)).model.parameters).toEqual(MODEL)
  })

  it('of a round that ended while they travelled are given back', async () => {
    let arrive: (bytes: Uint8Array) => void = () => undefined
    const { fetchers, borrowed, codes } = setup(
      () =>
        new Promise((resolve) => {
          arrive = resolve
        }),
      1,
    )
    fetchers[0].fetch(peer, said(0))
    await settle()
    fetchers[0].forget(1)
    arrive(encodeModel(MODEL))
    await settle()
    expect(codes).toEqual([])
    fetchers[0].fetch(peer, said(1))
    await settle()
    arrive(encodeModel(MODEL))
    await settle()
    expect(borrowed[1].model.bytes.byteOffset).toBe(borrowed[0].model.bytes.byteOffset)
  })
})
