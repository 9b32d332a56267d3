import { describe, expect, it } from 'vitest'
import { Changes } from '../../../src/chain/changes.js'
import { silentLogger } from '../../../src/logger.js'
import type { Notice } from '../../../src/round/state.js'
import { createManualClock } from '../../support/manual-clock.js'

function open() {
  const clock = createManualClock()
  const controller = new AbortController()
  const notices: Notice[] = []
  const changes = new Changes({ clock, logger: silentLogger }, controller.signal, (notice) =>
    notices.push(notice),
  )
  let isThere = false
  const awaited = { round: 2, what: 'block' as const, isThere: () => isThere, members: () => 3 }
  return {
    clock,
    notices,
    controller,
    changes,
    until: (limitMs = Number.POSITIVE_INFINITY) => changes.until(awaited, limitMs),
    arrive() {
      isThere = true
      changes.notify()
    },
  }
}

describe('waiting for a block', () => {
  it('ends when it is there, after changes that were something else', async () => {
    const { changes, until, arrive, clock } = open()
    const waiting = until()
    changes.notify()
    await Promise.resolve()
    arrive()
    await waiting
    expect(clock.pending).toBe(0)
  })

  it('is a notice after half a minute, once', async () => {
    const { clock, notices, until, arrive } = open()
    const waiting = until()
    clock.advance(29_999)
    expect(notices).toEqual([])
    clock.advance(60_001)
    expect(notices).toEqual([{ kind: 'no-agreement', round: 2, what: 'block', seconds: 30, members: 3 }])
    arrive()
    await waiting
  })

  it('is given up after the limit', async () => {
    const { clock, until } = open()
    const waiting = until(60_000)
    clock.advance(59_999)
    clock.advance(1)
    await expect(waiting).rejects.toMatchObject({
      code: 'E_NO_AGREEMENT',
      message: expect.stringContaining('no block of round 3 after 60 s'),
    })
    expect(clock.pending).toBe(0)
  })

  it('ends with the node', async () => {
    const { changes, controller, until } = open()
    const waiting = until()
    controller.abort()
    changes.notify()
    await expect(waiting).rejects.toMatchObject({ code: 'E_STOPPED' })
  })
})
