import { encodeModel, type SignedAnnouncement } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { NodeError } from '../../../src/errors.js'
import { createModelFetcher } from '../../../src/round/model-fetcher.js'
import { createManualClock, settle } from '../../support/manual-clock.js'
import { announce, modelCid, signers } from '../../support/run-fixture.js'

interface Call {
  peer: string
  cid: string
  into: Uint8Array
  signal: AbortSignal
  resolve(parameters: readonly number[]): void
  reject(error: unknown): void
}

/** A fetcher over a network whose transfers the test finishes by hand. */
function setup() {
  const calls: Call[] = []
  const outcomes: [peer: string, round: number, model: string, code: string | undefined][] = []
  const invalid: { announcement: SignedAnnouncement; bytes: Uint8Array }[] = []
  const clock = createManualClock()
  const fetcher = createModelFetcher({
    network: {
      fetchModel: (peer, cid, into, signal) =>
        new Promise((resolve, reject) => {
          calls.push({
            peer,
            cid,
            into,
            signal,
            resolve(parameters) {
              into.set(encodeModel(Float32Array.from(parameters)))
              resolve()
            },
            reject,
          })
        }),
    },
    clock,
    parameterCount: 4,
    onOutcome: (...outcome) => outcomes.push(outcome),
    onInvalid: (announcement, bytes) => invalid.push({ announcement, bytes: bytes.slice() }),
  })
  return { fetcher, calls, outcomes, invalid, clock }
}
/** Where a buffer lies: all of them may share one memory. */
const placeOf = ({ into }: Call): string => {
  const known = memories.indexOf(into.buffer)
  const memory = known >= 0 ? known : memories.push(into.buffer) - 1
  return `${memory}:${into.byteOffset}`
}
const memories: ArrayBufferLike[] = []
const peer = signers[1].peerId
const said = (round: number, tag = round): SignedAnnouncement =>
  announce(signers[1], round, { model: modelCid(tag) })
const MODEL = [1, -2, 0.5, 0]
const stopped = new NodeError('E_STOPPED', 'aborted')

describe('the model fetcher', () => {
  it('pulls a model by its CID and holds it for its round', async () => {
    const { fetcher, calls, outcomes } = setup()
    const message = said(3)
    fetcher.fetch(peer, message)
    expect(calls.map((call) => [call.peer, call.cid])).toEqual([[peer, message.body.model.toString()]])
    expect(fetcher.take(peer, 3)).toBeUndefined()
    calls[0].resolve(MODEL)
    await settle()
    expect(outcomes).toEqual([[peer, 3, message.body.model.toString(), undefined]])
    const taken = fetcher.take(peer, 3)
    expect([...taken!.parameters]).toEqual(MODEL)
    expect(taken!.announcement).toBe(message)
    expect(fetcher.take(peer, 4)).toBeUndefined()
    expect(fetcher.take('other', 3)).toBeUndefined()
  })

  it('pulls once for a peer and round, however often it is asked', async () => {
    const { fetcher, calls } = setup()
    fetcher.fetch(peer, said(3))
    fetcher.fetch(peer, said(3))
    expect(calls).toHaveLength(1)
    fetcher.fetch(peer, said(4))
    fetcher.fetch('other', said(3))
    expect(calls).toHaveLength(3)
    expect(new Set(calls.map((call) => placeOf(call))).size).toBe(3)
  })

  it.each(['E_STREAM', 'E_NO_CONNECTION', 'E_NOT_FOUND', 'E_NOT_ADMITTED'] as const)(
    'tries again after %s with growing pauses, five times in all',
    async (code) => {
      const { fetcher, calls, outcomes, clock } = setup()
      fetcher.fetch(peer, said(0))
      for (const [k, pauseMs] of [100, 200, 400, 800].entries()) {
        calls[k].reject(new NodeError(code, 'later'))
        await settle()
        clock.advance(pauseMs - 1)
        await settle()
        expect(calls).toHaveLength(k + 1)
        clock.advance(1)
        await settle()
        expect(calls).toHaveLength(k + 2)
      }
      expect(outcomes).toEqual([])
      calls[4].reject(new NodeError(code, 'never'))
      await settle()
      expect(outcomes.map((outcome) => outcome[3])).toEqual([code])
      expect(clock.pending).toBe(0)
      expect(fetcher.take(peer, 0)).toBeUndefined()
    },
  )

  it('takes the model of a later attempt', async () => {
    const { fetcher, calls, outcomes, clock } = setup()
    fetcher.fetch(peer, said(0))
    calls[0].reject(new NodeError('E_STREAM', 'broken'))
    await settle()
    clock.advance(100)
    await settle()
    calls[1].resolve(MODEL)
    await settle()
    expect(outcomes.map((outcome) => outcome[3])).toEqual([undefined])
    expect([...fetcher.take(peer, 0)!.parameters]).toEqual(MODEL)
  })

  it.each(['E_HASH_MISMATCH', 'E_MALFORMED', 'E_TIMEOUT', 'E_TOO_LARGE'] as const)(
    'does not try again after %s',
    async (code) => {
      const { fetcher, calls, outcomes } = setup()
      fetcher.fetch(peer, said(0))
      calls[0].reject(new NodeError(code, 'no'))
      await settle()
      expect(outcomes.map((outcome) => outcome[3])).toEqual([code])
      expect(calls).toHaveLength(1)
    },
  )

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'rejects a model with %s in it and does not return it',
    async (bad) => {
      const { fetcher, calls, outcomes } = setup()
      fetcher.fetch(peer, said(0))
      calls[0].resolve([0, 0, 0, bad])
      await settle()
      expect(outcomes.map((outcome) => outcome[3])).toEqual(['E_NOT_FINITE'])
      expect(fetcher.take(peer, 0)).toBeUndefined()
    },
  )

  it('rejects bytes that are not a model of this run', async () => {
    const { fetcher, calls, outcomes } = setup()
    fetcher.fetch(peer, said(0))
    calls[0].resolve(MODEL)
    calls[0].into[0] ^= 1
    await settle()
    expect(outcomes.map((outcome) => outcome[3])).toEqual(['E_MODEL_HEADER'])
  })

  it('says E_INTERNAL for an error that has no code', async () => {
    const { fetcher, calls, outcomes } = setup()
    fetcher.fetch(peer, said(0))
    calls[0].reject(new TypeError('a bug'))
    await settle()
    expect(outcomes.map((outcome) => outcome[3])).toEqual(['E_INTERNAL'])
  })
})

describe('forgetting rounds', () => {
  it('aborts their transfers, says nothing of them any more and keeps later rounds', async () => {
    const { fetcher, calls, outcomes } = setup()
    fetcher.fetch(peer, said(1))
    fetcher.fetch(peer, said(2))
    fetcher.forget(2)
    expect(calls.map((call) => call.signal.aborted)).toEqual([true, false])
    calls[0].reject(stopped)
    calls[1].resolve(MODEL)
    await settle()
    expect(outcomes.map((outcome) => outcome[1])).toEqual([2])
    expect(fetcher.take(peer, 2)).toBeDefined()
  })

  it('gives up the models of past rounds', async () => {
    const { fetcher, calls } = setup()
    fetcher.fetch(peer, said(1))
    calls[0].resolve(MODEL)
    await settle()
    fetcher.forget(2)
    expect(fetcher.take(peer, 1)).toBeUndefined()
  })

  it('uses the buffers of finished transfers again', async () => {
    const { fetcher, calls } = setup()
    fetcher.fetch(peer, said(1))
    calls[0].resolve(MODEL)
    await settle()
    fetcher.forget(2)
    fetcher.fetch(peer, said(2))
    expect(placeOf(calls[1])).toBe(placeOf(calls[0]))
    // But returns it only once.
    fetcher.fetch('other', said(2))
    expect(placeOf(calls[2])).not.toBe(placeOf(calls[0]))
  })

  it('never reuses a buffer into which an aborted transfer may still write', async () => {
    const { fetcher, calls } = setup()
    fetcher.fetch(peer, said(1))
    fetcher.forget(2)
    fetcher.fetch(peer, said(2))
    expect(placeOf(calls[1])).not.toBe(placeOf(calls[0]))
    // Only when the transfer has come to its end is the buffer free, and then once.
    calls[0].reject(stopped)
    await settle()
    fetcher.fetch(peer, said(3))
    fetcher.fetch(peer, said(4))
    expect(placeOf(calls[2])).toBe(placeOf(calls[0]))
    expect(new Set(calls.slice(1).map((call) => placeOf(call))).size).toBe(3)
  })

  it('frees the buffer once when an aborted transfer succeeds all the same', async () => {
    const { fetcher, calls, outcomes } = setup()
    fetcher.fetch(peer, said(1))
    calls[0].resolve(MODEL)
    fetcher.forget(2)
    await settle()
    expect(outcomes).toEqual([])
    for (const round of [2, 3]) fetcher.fetch(peer, said(round))
    expect(placeOf(calls[1])).toBe(placeOf(calls[0]))
    expect(placeOf(calls[2])).not.toBe(placeOf(calls[0]))
  })

  it('ends a pause between attempts without another attempt, and clears its timer', async () => {
    const { fetcher, calls, outcomes, clock } = setup()
    fetcher.fetch(peer, said(1))
    calls[0].reject(new NodeError('E_STREAM', 'broken'))
    await settle()
    expect(clock.pending).toBe(1)
    fetcher.forget(2)
    await settle()
    expect(clock.pending).toBe(0)
    expect(calls).toHaveLength(1)
    expect(outcomes).toEqual([])
  })

  it('stop aborts everything and says nothing more', async () => {
    const { fetcher, calls, outcomes } = setup()
    fetcher.fetch(peer, said(1))
    fetcher.fetch(peer, said(2))
    fetcher.stop()
    expect(calls.every((call) => call.signal.aborted)).toBe(true)
    calls[0].reject(stopped)
    calls[1].resolve(MODEL)
    await settle()
    expect(outcomes).toEqual([])
    expect(fetcher.take(peer, 2)).toBeUndefined()
  })
})
