import { describe, expect, it } from 'vitest'
import { createActivity } from '../../../src/operate/activity.js'
import type { RoundReport } from '../../../src/round/report.js'
import type { NetworkHandlers } from '../../../src/transport/network.js'
import { createManualClock } from '../../support/manual-clock.js'

const nothing = (): NetworkHandlers =>
  new Proxy({}, { get: () => () => undefined }) as unknown as NetworkHandlers

describe('the activity of a node', () => {
  it('passes every event on, and remembers a bounded number', () => {
    const heard: string[] = []
    const activity = createActivity(createManualClock())
    const events = activity.watchEvents({
      onNotice: ({ kind }) => heard.push(kind),
      onRefused: (_peer, code) => heard.push(code),
      onListening: () => heard.push('listening'),
      onRound: ({ round }) => heard.push(`round ${round}`),
    })
    for (let round = 0; round < 40; round++) {
      events.onNotice?.({ kind: 'alone', round })
      events.onRefused?.(`peer ${round}`, 'E_WRONG_RUN', '')
    }
    expect(activity.notices).toHaveLength(32)
    expect(activity.notices.at(-1)?.notice).toEqual({ kind: 'alone', round: 39 })
    expect(activity.refusals).toHaveLength(32)
    expect(activity.refusals[0]?.peer).toBe('peer 8')
    expect(activity.isListening).toBe(false)
    events.onListening?.([])
    events.onRound?.({ round: 3 } as RoundReport)
    expect(activity.isListening).toBe(true)
    expect(activity.lastRound?.round).toBe(3)
    expect(heard).toHaveLength(82)
  })

  it('notes when a neighbour was last heard of, and forgets strangers', () => {
    const clock = createManualClock()
    const activity = createActivity(clock)
    activity.follow(['a'])
    const handlers = activity.watchHandlers(nothing())
    expect(activity.lastSeenMs('a')).toBeUndefined()
    handlers.neighbourUp('a')
    const first = activity.lastSeenMs('a')!
    clock.advance(500)
    handlers.head({ head: { body: { author: 'a' } } } as Parameters<NetworkHandlers['head']>[0])
    handlers.announcement({ body: { author: 'stranger' } } as Parameters<NetworkHandlers['announcement']>[0])
    expect(activity.lastSeenMs('a')).toBe(first + 500)
    expect(activity.lastSeenMs('stranger')).toBeUndefined()
    expect(activity.elapsedMs()).toBe(500)
  })
})
