import { describe, expect, it } from 'vitest'
import { createArrivals } from '../../../src/round/arrivals.js'
import type { RoundEvent } from '../../../src/round/state.js'

const announced = (peer: string, round: number) => ({
  type: 'announced' as const,
  peer,
  round,
  model: `${peer}${round}`,
})
const head = (peer: string, round: number) => ({ type: 'head' as const, peer, round })

function listen() {
  const events: RoundEvent[] = []
  return { events, arrivals: createArrivals((event) => void events.push(event)) }
}

describe('createArrivals', () => {
  it('reports a neighbour and the messages that come with it at once, the newest round first', async () => {
    const { events, arrivals } = listen()
    arrivals.up('a')
    arrivals.heard(announced('a', 6))
    arrivals.heard(announced('a', 7))
    arrivals.heard(head('a', 6))
    expect(events).toEqual([])
    await Promise.resolve()
    expect(events).toEqual([
      { type: 'neighbour-up', peer: 'a', newestRound: 7 },
      announced('a', 6),
      announced('a', 7),
      head('a', 6),
    ])
  })

  it('does not delay messages of other peers, or later messages', async () => {
    const { events, arrivals } = listen()
    arrivals.up('a')
    arrivals.heard(announced('b', 3))
    expect(events).toEqual([announced('b', 3)])
    await Promise.resolve()
    expect(events.slice(1)).toEqual([{ type: 'neighbour-up', peer: 'a', newestRound: -1 }])
    arrivals.heard(announced('a', 3))
    expect(events.at(-1)).toEqual(announced('a', 3))
  })

  it('keeps the order of coming and going', async () => {
    const { events, arrivals } = listen()
    arrivals.up('a')
    arrivals.heard(announced('a', 3))
    arrivals.down('a')
    await Promise.resolve()
    expect(events.map(({ type }) => type)).toEqual(['neighbour-up', 'announced', 'neighbour-down'])
    arrivals.up('a')
    await Promise.resolve()
    expect(events.slice(3)).toEqual([{ type: 'neighbour-up', peer: 'a', newestRound: -1 }])
  })
})
