import { peerIdFromString } from '@libp2p/peer-id'
import { blobCid, encodeCanonical, STREAM_PROTOCOLS } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { createBlobClient } from '../../../src/blobs/blob-client.js'
import { createTransferProgress } from '../../../src/blobs/transfer-progress.js'
import type { NodeError } from '../../../src/errors.js'
import type { NodeGuard } from '../../../src/guard/node-guard.js'
import { openGuard } from '../../support/guards.js'
import { run, signers } from '../../support/run-fixture.js'
import { type Answer, bytesOf, DEADLINES, setupTransfer as setup } from '../../support/transfer.js'

/** What the client requests at a time. */
const WINDOW = 16 * 65_519 - 64
const WINDOWS_IN_FLIGHT = 3

describe('a peer that asks for more than its budget', () => {
  /** A server with real budgets; `putOff` counts what it has answered later. */
  const guarded = async (bytesPerByte: number) => {
    const guards: NodeGuard[] = []
    let put = 0
    const parts = await setup(async (clock) => {
      const guard = await openGuard(run, { clock })
      guards.push(guard)
      const off = (wait: Promise<void> | undefined) => {
        if (wait !== undefined) put += 1
        return wait
      }
      return {
        ...guard.streams,
        turn: (peer, signal) => off(guard.streams.turn(peer, signal)),
        answer: (peer, byteLength, signal) =>
          off(guard.streams.answer(peer, byteLength * bytesPerByte, signal)),
      }
    })
    return { ...parts, guard: guards[0]!, putOff: () => put }
  }
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setImmediate(resolve))
  }

  it('of requests, for blobs that are not there, gets more answers as time goes on', async () => {
    const { fetch, guard, serverClock, putOff } = await guarded(1)
    const { burst, perSecond } = guard.budgets.streams.requests
    const missing = blobCid(bytesOf(5)).toString()
    const ask = () => fetch(missing, new Uint8Array(5)).catch(({ code }: NodeError) => code)
    for (let k = 0; k < burst; k++) expect(await ask()).toBe('E_NOT_FOUND')
    expect(putOff()).toBe(0)
    let isAnswered = false
    const next = ask().finally(() => {
      isAnswered = true
    })
    await until(() => putOff() === 1)
    expect(isAnswered).toBe(false)
    serverClock.advance(Math.ceil(1000 / perSecond))
    expect(await next).toBe('E_NOT_FOUND')
    guard.stop()
  })

  it('of bytes gets the rest later, and whole', async () => {
    // Each byte counts for many, so that few are enough.
    const { add, fetch, guard, serverClock, putOff } = await guarded(1000)
    const { burst } = guard.budgets.streams.answers
    const bytes = bytesOf(100_000)
    const cid = add(bytes)
    const times = Math.floor(burst / 1000 / 110_000)
    for (let k = 0; k < times; k++) await fetch(cid, new Uint8Array(bytes.byteLength))
    expect(putOff()).toBe(0)
    const into = new Uint8Array(bytes.byteLength)
    let isWhole = false
    const last = fetch(cid, into)
      .then(() => fetch(cid, into))
      .finally(() => {
        isWhole = true
      })
    await until(() => putOff() > 0)
    expect(isWhole).toBe(false)
    expect(guard.report().rejects).toMatchObject([{ kind: 'answer', code: 'E_RATE' }])
    for (let paid = 0; !isWhole; ) {
      await until(() => isWhole || putOff() > paid)
      paid = putOff()
      serverClock.advance(10_000)
    }
    await last
    expect(Buffer.from(into).equals(bytes)).toBe(true)
    guard.stop()
  })
})

describe('model transfer', () => {
  it.each([1, 16, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, 2 * WINDOW + 1, 5_000_001])(
    'brings %i bytes over whole',
    async (length) => {
      const { add, fetch, lookups } = await setup()
      const bytes = bytesOf(length)
      const cid = add(bytes)
      const into = new Uint8Array(length)
      await fetch(cid, into)
      expect(Buffer.from(into).equals(bytes)).toBe(true)
      // Asked of the store once, not once a window.
      expect(lookups).toEqual([cid])
    },
  )

  it('runs many transfers at the same time', async () => {
    const { add, fetch } = await setup()
    const models = Array.from({ length: 6 }, (_, k) => bytesOf(WINDOW + k))
    const targets = models.map((model) => new Uint8Array(model.byteLength))
    await Promise.all(models.map((model, k) => fetch(add(model), targets[k])))
    for (const [k, model] of models.entries()) expect(Buffer.from(targets[k]).equals(model)).toBe(true)
  })

  it('says E_NOT_FOUND for a blob that the server does not hold', async () => {
    const { fetch } = await setup()
    await expect(fetch(blobCid(bytesOf(5)).toString(), new Uint8Array(5))).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    })
  })

  it('gives nothing to a peer that is not admitted', async () => {
    const { add, fetch, admitted, lookups, serverErrors } = await setup()
    const cid = add(bytesOf(100))
    admitted.clear()
    await expect(fetch(cid, new Uint8Array(100))).rejects.toMatchObject({
      name: 'NodeError',
      code: 'E_STREAM',
    })
    expect(lookups).toEqual([])
    expect(serverErrors).toEqual(['E_NOT_ADMITTED'])
    admitted.add(signers[0].peerId)
    await fetch(cid, new Uint8Array(100))
  })

  it('asks for many models on one stream, one after the other and at the same time', async () => {
    const { add, fetch, streams, ...parts } = await setup()
    const models = Array.from({ length: 100 }, (_, k) => bytesOf(1000 + k))
    for (const model of models.slice(0, 10)) await fetch(add(model), new Uint8Array(model.byteLength))
    const targets = models.map((model) => new Uint8Array(model.byteLength))
    await Promise.all(models.map((model, k) => fetch(add(model), targets[k])))
    for (const [k, model] of models.entries()) expect(Buffer.from(targets[k]).equals(model)).toBe(true)
    expect(streams()).toBe(1)
    // The server holds nothing open while it waits for the next request.
    expect(parts.openBlobs()).toBe(0)
  })

  it('goes on with the other models of a stream after one that the server does not hold', async () => {
    const { add, fetch, streams } = await setup()
    const model = bytesOf(2 * WINDOW)
    const into = new Uint8Array(model.byteLength)
    const missing = blobCid(bytesOf(5)).toString()
    const [absent] = await Promise.allSettled([
      fetch(missing, new Uint8Array(3 * WINDOW)),
      fetch(add(model), into),
    ])
    expect(absent).toMatchObject({ status: 'rejected', reason: { code: 'E_NOT_FOUND' } })
    expect(Buffer.from(into).equals(model)).toBe(true)
    expect(streams()).toBe(1)
  })

  it('opens another stream after a break', async () => {
    const { add, fetch, streams, clientNode, serverNode } = await setup()
    const model = bytesOf(1000)
    const cid = add(model)
    await fetch(cid, new Uint8Array(1000))
    const [connection] = clientNode.getConnections(serverNode.peerId)
    for (const stream of connection.streams)
      if (stream.protocol === STREAM_PROTOCOLS.blob) stream.abort(new Error('break'))
    const into = new Uint8Array(1000)
    await fetch(cid, into)
    expect(into).toEqual(model)
    expect(streams()).toBe(2)
  })

  it('begins after the bytes that have arrived before, from whoever sent them', async () => {
    const { add, fetch, requests } = await setup()
    const model = bytesOf(2 * WINDOW)
    const into = new Uint8Array(model.byteLength)
    const known = WINDOW + 12_345
    into.set(model.subarray(0, known))
    const progress = createTransferProgress()
    progress.add(model.subarray(0, known), 'other')
    await fetch(add(model), into, undefined, progress)
    expect(Buffer.from(into).equals(model)).toBe(true)
    expect(requests).toEqual([[known, model.byteLength - known]])
    expect([...progress.senders]).toEqual(['other', signers[1].peerId])
  })

  it('finishes at once what had arrived whole', async () => {
    const { fetch } = await setup()
    const model = bytesOf(100)
    const progress = createTransferProgress()
    progress.add(model, 'other')
    await fetch(blobCid(model).toString(), model, undefined, progress)
    const wrong = fetch(blobCid(bytesOf(99)).toString(), model, undefined, progress)
    await expect(wrong).rejects.toMatchObject({ code: 'E_HASH_MISMATCH' })
  })

  it('says E_NO_CONNECTION for a peer that is not connected', async () => {
    const { client } = await setup()
    const transfer = createBlobClient(client).fetch(
      signers[2].peerId,
      'x',
      new Uint8Array(1),
      new AbortController().signal,
    )
    await expect(transfer).rejects.toMatchObject({ code: 'E_NO_CONNECTION' })
  })

  it('says E_STREAM for a peer that does not speak the protocol', async () => {
    const { serverNode, fetch } = await setup()
    await serverNode.unhandle(STREAM_PROTOCOLS.blob)
    await expect(fetch('x', new Uint8Array(1))).rejects.toMatchObject({ name: 'NodeError', code: 'E_STREAM' })
  })
})

describe('against a Byzantine server', () => {
  const model = bytesOf(3 * WINDOW)
  const cid = blobCid(model).toString()

  it.each<[string, string | RegExp, Answer]>([
    [
      'announces another length',
      'E_MALFORMED',
      async (stream, _connection, signal) => {
        await stream.readFrame(signal)
        await stream.writeFrame({ total: model.byteLength + 1 }, signal)
        await stream.readFrame(signal)
      },
    ],
    [
      'answers with an error',
      'E_NOT_FOUND',
      async (stream, _connection, signal) => {
        await stream.readFrame(signal)
        await stream.writeFrame({ error: 'E_ANYTHING' }, signal)
      },
    ],
    [
      'sends bytes that do not hash',
      'E_HASH_MISMATCH',
      async (stream, _connection, signal) => {
        for (let window = 0; window < 3; window++) {
          await stream.readFrame(signal)
          await stream.writeFrame({ total: model.byteLength }, signal)
          const bytes = model.slice(window * WINDOW, (window + 1) * WINDOW)
          if (window === 2) bytes[WINDOW - 1] ^= 1
          await stream.writeBytes(bytes, signal)
        }
        await stream.readFrame(signal)
      },
    ],
    ['closes before it answers', 'E_STREAM', async () => undefined],
    [
      'closes in the middle of a window',
      'E_STREAM',
      async (stream, _connection, signal) => {
        await stream.readFrame(signal)
        await stream.writeFrame({ total: model.byteLength }, signal)
        await stream.writeBytes(model.subarray(0, 1000), signal)
      },
    ],
    [
      'resets the stream',
      'E_STREAM',
      async (stream, _connection, signal) => {
        await stream.readFrame(signal)
        throw new Error('reset')
      },
    ],
    [
      'says that a frame of 4 GiB follows',
      'E_TOO_LARGE',
      async (stream, _connection, signal) => {
        await stream.writeBytes(new Uint8Array(4).fill(0xff), signal)
        await stream.readFrame(signal)
        await stream.readFrame(signal)
        await stream.readFrame(signal)
      },
    ],
    [
      'says that a frame one byte over the limit follows',
      'E_TOO_LARGE',
      async (stream, _connection, signal) => {
        await stream.writeBytes(Uint8Array.of(1, 0, 1, 0), signal)
        for (;;) await stream.readFrame(signal)
      },
    ],
    [
      'sends an empty frame',
      'E_MALFORMED',
      async (stream, _connection, signal) => {
        await stream.writeBytes(new Uint8Array(4), signal)
        for (;;) await stream.readFrame(signal)
      },
    ],
    [
      'sends a frame that is not canonical',
      'E_MALFORMED',
      async (stream, _connection, signal) => {
        // {"total": 5} with the 5 in two bytes.
        const body = [...encodeCanonical({ total: 5 }).subarray(0, -1), 0x18, 0x05]
        await stream.writeBytes(Uint8Array.of(body.length, 0, 0, 0, ...body), signal)
        for (;;) await stream.readFrame(signal)
      },
    ],
    [
      'sends a frame with other fields',
      'E_MALFORMED',
      async (stream, _connection, signal) => {
        await stream.writeFrame({ total: model.byteLength, extra: 1 }, signal)
        for (;;) await stream.readFrame(signal)
      },
    ],
    [
      'pushes megabytes that nobody asked for',
      /^E_(TOO_LARGE|MALFORMED|STREAM)$/,
      async (stream, _connection, signal) => {
        await stream.writeFrame({ total: model.byteLength }, signal)
        for (;;) await stream.writeBytes(new Uint8Array(WINDOW).fill(0xee), signal)
      },
    ],
  ])('that %s, a transfer ends with its code and the next one works', async (_what, code, byzantine) => {
    const parts = await setup()
    parts.add(model)
    parts.byzantine = byzantine
    const error = await parts.fetch(cid, new Uint8Array(model.byteLength)).catch((cause: unknown) => cause)
    expect(error).toMatchObject({
      name: 'NodeError',
      code: typeof code === 'string' ? code : expect.stringMatching(code),
    })
    parts.byzantine = undefined
    const into = new Uint8Array(model.byteLength)
    await parts.fetch(cid, into)
    expect(Buffer.from(into).equals(model)).toBe(true)
  })

  it('that never answers, a transfer ends with E_TIMEOUT at the first-byte deadline', async () => {
    const parts = await setup()
    parts.add(model)
    const asked = new Promise<void>((resolve) => {
      parts.byzantine = async (stream, _connection, signal) => {
        await stream.readFrame(signal)
        resolve()
        for (;;) await stream.readFrame(signal)
      }
    })
    const transfer = parts.fetch(cid, new Uint8Array(model.byteLength)).catch((cause: unknown) => cause)
    await asked
    parts.clock.advance(DEADLINES.firstByteMs)
    expect(await transfer).toMatchObject({ name: 'NodeError', code: 'E_TIMEOUT' })
    parts.byzantine = undefined
    await parts.fetch(cid, new Uint8Array(model.byteLength))
  })

  it('that stalls inside a window, a transfer ends with E_TIMEOUT at the deadline of the whole', async () => {
    const parts = await setup()
    const stalled = new Promise<void>((resolve) => {
      parts.byzantine = async (stream, _connection, signal) => {
        await stream.readFrame(signal)
        await stream.writeFrame({ total: model.byteLength }, signal)
        await stream.writeBytes(model.subarray(0, 1000), signal)
        // The second request shows that the client has begun to wait.
        await stream.readFrame(signal)
        resolve()
        for (;;) await stream.readFrame(signal)
      }
    })
    const transfer = parts.fetch(cid, new Uint8Array(model.byteLength)).catch((cause: unknown) => cause)
    await stalled
    parts.clock.advance(DEADLINES.transferMs)
    expect(await transfer).toMatchObject({ name: 'NodeError', code: 'E_TIMEOUT' })
  })

  it('a transfer that is given up ends with E_STOPPED', async () => {
    const parts = await setup()
    const controller = new AbortController()
    parts.byzantine = async (stream, _connection, signal) => {
      await stream.readFrame(signal)
      controller.abort()
      for (;;) await stream.readFrame(signal)
    }
    const transfer = parts.fetch(cid, new Uint8Array(model.byteLength), controller.signal)
    await expect(transfer).rejects.toMatchObject({ name: 'NodeError', code: 'E_STOPPED' })
  })

  it('that breaks off, the rest comes with the next call and nothing is asked for twice', async () => {
    const parts = await setup()
    const known = WINDOW + 1000
    parts.byzantine = async (stream, _connection, signal) => {
      for (let window = 0; window < 3; window++) await stream.readFrame(signal)
      await stream.writeFrame({ total: model.byteLength }, signal)
      await stream.writeBytes(model.subarray(0, WINDOW), signal)
      await stream.writeFrame({ total: model.byteLength }, signal)
      await stream.writeBytes(model.subarray(WINDOW, known), signal)
    }
    const into = new Uint8Array(model.byteLength)
    const progress = createTransferProgress()
    await expect(parts.fetch(cid, into, undefined, progress)).rejects.toMatchObject({ code: 'E_STREAM' })
    expect(progress.received).toBe(known)
    parts.byzantine = undefined
    parts.add(model)
    await parts.fetch(cid, into, undefined, progress)
    expect(Buffer.from(into).equals(model)).toBe(true)
    expect(parts.requests[0]).toEqual([known, WINDOW])
  })

  it('that stalls, a model is given up, and another one of the same stream arrives on a new one', async () => {
    const parts = await setup()
    const other = bytesOf(1000)
    const otherCid = parts.add(other)
    const controller = new AbortController()
    const both = new Promise<void>((resolve) => {
      parts.byzantine = async (stream, _connection, signal) => {
        for (let request = 0; request < 3; request++) await stream.readFrame(signal)
        await stream.writeFrame({ total: model.byteLength }, signal)
        await stream.writeBytes(model.subarray(0, 1000), signal)
        resolve()
        for (;;) await stream.readFrame(signal)
      }
    })
    const stalled = parts.fetch(cid, new Uint8Array(model.byteLength), controller.signal)
    const into = new Uint8Array(1000)
    const arriving = parts.fetch(otherCid, into)
    await both
    parts.byzantine = undefined
    controller.abort()
    await expect(stalled).rejects.toMatchObject({ code: 'E_STOPPED' })
    await arriving
    expect(into).toEqual(other)
    expect(parts.streams()).toBe(2)
  })

  it('that sends on after a model was given up, nothing is written any more', async () => {
    const parts = await setup()
    const controller = new AbortController()
    const into = new Uint8Array(model.byteLength)
    parts.byzantine = async (stream, _connection, signal) => {
      await stream.readFrame(signal)
      await stream.writeFrame({ total: model.byteLength }, signal)
      await stream.writeBytes(model.subarray(0, WINDOW), signal)
      for (;;) await stream.readFrame(signal)
    }
    // As the first bytes arrive: more of them wait behind these.
    const begun = new Proxy(into, {
      get(target, key) {
        if (key !== 'set') {
          const value = Reflect.get(target, key, target)
          return typeof value === 'function' ? value.bind(target) : value
        }
        return (...args: Parameters<Uint8Array['set']>) => {
          target.set(...args)
          controller.abort()
        }
      },
    })
    await expect(parts.fetch(cid, begun, controller.signal)).rejects.toMatchObject({ code: 'E_STOPPED' })
    const written = into.slice()
    await parts.fetch(parts.add(bytesOf(10)), new Uint8Array(10)).catch(() => undefined)
    expect(Buffer.from(into).equals(written)).toBe(true)
    // One piece of the window at most.
    expect(into.findLastIndex((byte) => byte !== 0)).toBeLessThan(256 * 1024)
  })

  it('that closes right after the last byte, the model is taken all the same', async () => {
    const parts = await setup()
    const small = bytesOf(1000)
    parts.byzantine = async (stream, _connection, signal) => {
      await stream.readFrame(signal)
      await stream.writeFrame({ total: 1000 }, signal)
      await stream.writeBytes(small, signal)
    }
    const into = new Uint8Array(1000)
    await parts.fetch(blobCid(small).toString(), into)
    expect(Buffer.from(into).equals(small)).toBe(true)
  })

  it('never has more than three windows requested and not received, nor fewer than one while some are left', async () => {
    const parts = await setup()
    const total = 8 * WINDOW
    const large = bytesOf(total)
    // Everything between two libp2p nodes goes through one TCP connection in order: what the client had sent before the
    // answer to an echo came is here when the answer is.
    await parts.client.serve('/test/echo', 8, async (stream, _connection, signal) => {
      await stream.writeFrame(await stream.readFrame(signal), signal)
    })
    const echo = () =>
      parts.server.request(peerIdFromString(signers[0].peerId), '/test/echo', 1, new AbortController().signal)
    let requested = 0
    let sent = 0
    const onTheWay: number[] = []
    parts.byzantine = async (stream, _connection, signal) => {
      const reading = (async () => {
        while (requested < total) {
          const request = (await stream.readFrame(signal)) as { offset: number; length: number }
          expect(request.offset).toBe(requested)
          requested += request.length
        }
      })()
      while (sent < total) {
        await echo()
        await echo()
        onTheWay.push((requested - sent) / WINDOW)
        await stream.writeFrame({ total }, signal)
        await stream.writeBytes(large.subarray(sent, sent + WINDOW), signal)
        sent += WINDOW
      }
      await reading
    }
    const into = new Uint8Array(total)
    await parts.fetch(blobCid(large).toString(), into)
    expect(requested).toBe(total)
    expect(Math.max(...onTheWay)).toBe(WINDOWS_IN_FLIGHT)
    expect(Math.min(...onTheWay)).toBe(1)
    expect(parts.serverErrors).toEqual([])
  })
})

describe('against a Byzantine client', () => {
  const model = bytesOf(1000)

  /** Sends frames as they are and gives back what the server answered to the last one, or the error. */
  async function ask(parts: Awaited<ReturnType<typeof setup>>, ...frames: unknown[]) {
    return parts.client
      .exchange(
        peerIdFromString(signers[1].peerId),
        STREAM_PROTOCOLS.blob,
        new AbortController().signal,
        async (stream, { whole }) => {
          for (const frame of frames) await stream.writeFrame(frame, whole)
          await stream.readFrame(whole)
          const into = new Uint8Array(1000)
          await stream.readInto(into, whole)
          return into
        },
      )
      .catch((error: NodeError) => error.code)
  }

  it('that asks past the end, for too much, for nothing or for what is no request, the stream is reset', async () => {
    const parts = await setup()
    const cid = parts.add(model)
    for (const request of [
      { cid, offset: 1, length: 1000 },
      { cid, offset: 1000, length: 1 },
      { cid, offset: 2 ** 30, length: 1 },
      { cid, offset: 0, length: 1024 * 1024 + 1 },
      { cid, offset: 0, length: 0 },
      { cid, offset: -1, length: 1 },
      { cid: 'x'.repeat(129), offset: 0, length: 1 },
      { cid, offset: 0, length: 1, extra: 1 },
      'text',
    ]) {
      expect(await ask(parts, request)).toBe('E_STREAM')
    }
    expect(parts.serverErrors).toEqual(Array(9).fill('E_MALFORMED'))
    expect(await ask(parts, { cid, offset: 0, length: 1000 })).toEqual(model)
  })

  it('that asks for much and reads nothing, only a few windows are read for it', async () => {
    const parts = await setup()
    const large = bytesOf(8 * WINDOW)
    const cid = parts.add(large)
    const { frames, abort } = await parts.client.open(
      peerIdFromString(signers[1].peerId),
      STREAM_PROTOCOLS.blob,
    )
    const [connection] = parts.clientNode.getConnections(parts.serverNode.peerId)
    // No more window updates of yamux.
    for (const stream of connection.streams) if (stream.protocol === STREAM_PROTOCOLS.blob) stream.pause()
    const asked = Array.from({ length: 50 }, (_, k) => ({ cid, offset: (k % 8) * WINDOW, length: WINDOW }))
    frames.postFrames(asked)
    await parts.firstRead
    // Whatever the server could still do, it does before it answers this.
    await parts.server.serve('/test/echo', 8, async (stream, _connection, signal) => {
      await stream.writeFrame(await stream.readFrame(signal), signal)
    })
    for (let k = 0; k < 5; k++)
      await parts.client.request(
        peerIdFromString(signers[1].peerId),
        '/test/echo',
        1,
        new AbortController().signal,
      )
    expect(parts.requests.length).toBeLessThanOrEqual(3)
    abort(new Error('enough'))
  })

  it('that opens many streams, only four are answered', async () => {
    const parts = await setup()
    const cid = parts.add(model)
    const open = () => parts.client.open(peerIdFromString(signers[1].peerId), STREAM_PROTOCOLS.blob)
    const never = new AbortController().signal
    const answers: unknown[] = []
    for (let k = 0; k < 6; k++) {
      answers.push(
        await open()
          .then(({ frames }) => {
            frames.postFrames([{ cid, offset: 0, length: 1 }])
            return frames.readFrame(never)
          })
          .catch((error) => error.code ?? error.name),
      )
    }
    expect(answers.slice(0, 4)).toEqual(Array(4).fill({ total: 1000 }))
    expect(answers.slice(4).every((answer) => typeof answer === 'string')).toBe(true)
  })
})
