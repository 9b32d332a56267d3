import type { RunNetwork } from '@tempered/node'
import type { TrainerService } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import { withoutAbsent } from '../../../src/faults/absent-peers.js'
import type { LinkSpeed } from '../../../src/faults/conditions.js'
import { slowLinks } from '../../../src/faults/slow-links.js'
import { slowTrainers } from '../../../src/faults/slow-trainer.js'
import { createManualClock } from '../../support/manual-clock.js'

type Handlers = Parameters<RunNetwork['start']>[0]

/** A network that carries everything at once, and hands over its handlers. */
function quickNetwork() {
  let handlers: Handlers | undefined
  const network = {
    start: async (given: Handlers) => {
      handlers = given
    },
    announce: async () => undefined,
    fetchModel: async (_peer: string, _cid: string, into: Uint8Array) => void into.fill(1),
    pollStatus: async () => ({ rounds: [], newestRound: -1 }),
  } as unknown as RunNetwork
  return { network, handlers: () => handlers! }
}

function slowed(speeds: Record<string, LinkSpeed>) {
  const clock = createManualClock()
  const { network, handlers } = quickNetwork()
  const deadlines = { firstByteMs: 1000, transferMs: 2000 }
  const slow = slowLinks(network, { clock, deadlines, speedOf: (peer) => speeds[peer] })
  return { clock, slow, handlers }
}

const { signal } = new AbortController()

describe('slowLinks', () => {
  it('a model takes the latency there and back and the time of its bytes', async () => {
    const { clock, slow } = slowed({ far: { latencyMs: 100, bytesPerSecond: 1000 } })
    const into = new Uint8Array(500)
    let done = false
    const fetched = slow.fetchModel('far', 'cid', into, signal).then(() => {
      done = true
    })
    await clock.advance(699)
    expect([done, into[0]]).toEqual([false, 0])
    await clock.advance(1)
    await fetched
    expect(into[0]).toBe(1)
  })

  it('other links are as quick as before', async () => {
    const { slow } = slowed({ far: { latencyMs: 100, bytesPerSecond: 1000 } })
    await slow.fetchModel('near', 'cid', new Uint8Array(500), signal)
  })

  it.each([
    [{ latencyMs: 501, bytesPerSecond: undefined }, 1000],
    [{ latencyMs: 0, bytesPerSecond: 100 }, 2000],
  ])('%j fails at the deadline that a real transfer has', async (speed, atMs) => {
    const { clock, slow } = slowed({ far: speed })
    const codes: unknown[] = []
    void slow.fetchModel('far', 'cid', new Uint8Array(500), signal).catch((error) => codes.push(error.code))
    await clock.advance(atMs - 1)
    expect(codes).toEqual([])
    await clock.advance(1)
    expect(codes).toEqual(['E_TIMEOUT'])
  })

  it('what the far end tells everyone comes one latency later', async () => {
    const { clock, slow, handlers } = slowed({ far: { latencyMs: 100, bytesPerSecond: undefined } })
    const heard: string[] = []
    const listener = {
      announcement: (message: { body: { author: string } }) => heard.push(message.body.author),
    }
    await slow.start(listener as unknown as Handlers)
    for (const author of ['far', 'near']) handlers().announcement({ body: { author } } as never)
    expect(heard).toEqual(['near'])
    await clock.advance(100)
    expect(heard).toEqual(['near', 'far'])
  })
})

describe('slowTrainers', () => {
  it('training takes the factor times as long; 1 adds nothing', async () => {
    const clock = createManualClock()
    let factor = 3
    const service = {
      open: async () => ({
        train: async () => {
          await clock.advance(50)
          return { loss: 1, samples: 2 }
        },
      }),
    } as unknown as TrainerService
    const trainer = await slowTrainers(service, clock, () => factor).open({} as never)
    let done = false
    const trained = trainer.train({} as never).then((result) => {
      done = true
      return result
    })
    await clock.advance(0)
    await clock.advance(99)
    expect(done).toBe(false)
    await clock.advance(1)
    expect(await trained).toEqual({ loss: 1, samples: 2 })
    factor = 1
    expect(await trainer.train({} as never)).toEqual({ loss: 1, samples: 2 })
  })
})

describe('withoutAbsent', () => {
  const told: string[] = []
  const listener = {
    neighbourUp: (peer: string) => told.push(`up ${peer}`),
    neighbourDown: (peer: string) => told.push(`down ${peer}`),
  } as unknown as Handlers

  it('absent peers count as there until the first announcement, then as down until they come', async () => {
    told.length = 0
    const { network, handlers } = quickNetwork()
    const wrapped = withoutAbsent(network, ['late', 'later'])
    await wrapped.start(listener)
    expect(told).toEqual([])
    handlers().neighbourUp('here')
    expect(told).toEqual(['up late', 'up later', 'up here'])
    // One of them comes before that: it is not said to be down.
    handlers().neighbourUp('late')
    await wrapped.announce({} as never)
    expect(told.slice(3)).toEqual(['up late', 'down later'])
    handlers().neighbourUp('later')
    await wrapped.announce({} as never)
    expect(told.slice(5)).toEqual(['up later'])
  })
})
