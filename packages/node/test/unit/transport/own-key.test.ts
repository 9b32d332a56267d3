import { describe, expect, it } from 'vitest'
import { createOwnKeyWatch } from '../../../src/transport/own-key.js'
import { createManualClock } from '../../support/manual-clock.js'

describe('the watch for the own key', () => {
  const watched = () => {
    const clock = createManualClock()
    let twins = 0
    const watch = createOwnKeyWatch(clock, () => {
      twins += 1
    })
    return { clock, watch, twins: () => twins }
  }

  it.each(['inbound', 'outbound'] as const)(
    'takes a lone %s end for another node, once',
    async (direction) => {
      const { clock, watch, twins } = watched()
      watch.met(direction)
      watch.met(direction)
      clock.advance(60_000)
      watch.met(direction)
      clock.advance(60_000)
      expect(twins()).toBe(1)
    },
  )

  it('does not take its own address for another node', () => {
    const { clock, watch, twins } = watched()
    for (const direction of ['inbound', 'outbound', 'outbound', 'outbound', 'inbound', 'inbound'] as const)
      watch.met(direction)
    clock.advance(60_000)
    expect(twins()).toBe(0)
  })

  it('is silent after the stop', () => {
    const { clock, watch, twins } = watched()
    watch.met('inbound')
    watch.stop()
    clock.advance(60_000)
    expect(twins()).toBe(0)
  })
})
