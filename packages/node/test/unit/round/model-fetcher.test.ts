import { encodeModel, type SignedAnnouncement } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import type { TransferProgress } from '../../../src/blobs/transfer-progress.js'
import { NodeError } from '../../../src/errors.js'
import { createModelFetcher } from '../../../src/round/model-fetcher.js'
import { createManualClock, settle } from '../../support/manual-clock.js'
import { announce, modelCid, signers } from '../../support/run-fixture.js'

interface Call {
  peer: string
  cid: string
  into: Uint8Array
  signal: AbortSignal
  progress: TransferProgress | undefined
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
      fetchModel: (peer, cid, into, signal, progress) =>
        new Promise((resolve, reject) => {
          calls.push({
            peer,
            cid,
            into,
            signal,
            progress,
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
    holders: (author) => ['second', 'third'].filter((holder) => holder !== author),
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

describe('a transfer that broke in the middle', () => {
  const broken = new NodeError('E_STREAM', 'broken')
  const half = (call: Call) => {
    call.into.set([1, 2, 3])
    call.progress!.add(call.into.subarray(0, 3), call.peer)
  }
  /** Breaks twice after three bytes, so that others are asked for the rest. */
  async function breakTwice() {
    const parts = setup()
    parts.fetcher.fetch(peer, said(0))
    half(parts.calls[0])
    parts.calls[0].reject(broken)
    await settle()
    parts.clock.advance(100)
    await settle()
    expect(parts.calls[1].progress!.received).toBe(3)
    parts.calls[1].reject(broken)
    await settle()
    return parts
  }

  it('goes on with the same peer, then with others that may have the model', async () => {
    const { calls, outcomes } = await breakTwice()
    calls[2].reject(new NodeError('E_NOT_FOUND', 'not here'))
    await settle()
    expect(calls.map((call) => call.peer)).toEqual([peer, peer, 'second', 'third'])
    expect(new Set(calls.map((call) => call.progress)).size).toBe(1)
    calls[3].resolve(MODEL)
    await settle()
    expect(outcomes.map((outcome) => [outcome[0], outcome[3]])).toEqual([[peer, undefined]])
  })

  it('asks its author again when nobody else has the rest', async () => {
    const { calls, clock } = await breakTwice()
    for (const k of [2, 3]) {
      calls[k].reject(new NodeError('E_TIMEOUT', 'silent'))
      await settle()
    }
    clock.advance(200)
    await settle()
    expect(calls.map((call) => call.peer)).toEqual([peer, peer, 'second', 'third', peer])
  })

  it('fetches the whole from its author when another one has spoilt it, and asks nobody else any more', async () => {
    const { calls, clock, outcomes } = await breakTwice()
    calls[2].progress!.add(new Uint8Array(5), 'second')
    calls[2].reject(new NodeError('E_HASH_MISMATCH', 'spoilt'))
    await settle()
    expect(calls).toHaveLength(4)
    expect(calls[3].peer).toBe(peer)
    expect(calls[3].progress!.received).toBe(0)
    half(calls[3])
    calls[3].reject(broken)
    await settle()
    clock.advance(200)
    await settle()
    calls[4].reject(broken)
    await settle()
    expect(calls.map((call) => call.peer)).toEqual([peer, peer, 'second', peer, peer])
    clock.advance(400)
    await settle()
    calls[5].resolve(MODEL)
    await settle()
    expect(outcomes.map((outcome) => outcome[3])).toEqual([undefined])
  })

  it('is over when its author alone has sent bytes that do not hash', async () => {
    const { calls, outcomes } = await breakTwice()
    calls[2].reject(new NodeError('E_HASH_MISMATCH', 'the beginning was wrong'))
    await settle()
    expect(outcomes.map((outcome) => outcome[3])).toEqual(['E_HASH_MISMATCH'])
    expect(calls).toHaveLength(3)
  })
})

describe('models that have arrived', () => {
  it('can be read by others until their round is over, as copies', async () => {
    const { fetcher, calls } = setup()
    const cid = said(1).body.model.toString()
    fetcher.fetch(peer, said(1))
    expect(fetcher.open(cid)).toBeUndefined()
    calls[0].resolve(MODEL)
    await settle()
    const blob = fetcher.open(cid)!
    const bytes = encodeModel(Float32Array.from(MODEL))
    expect(blob.byteLength).toBe(bytes.byteLength)
    const read = await blob.read(4, 10)
    expect([...read]).toEqual([...bytes.subarray(4, 14)])
    expect(read.buffer).not.toBe(calls[0].into.buffer)
    fetcher.forget(2)
    expect(fetcher.open(cid)).toBeUndefined()
    await expect(blob.read(0, 1)).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
    await blob.close()
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
