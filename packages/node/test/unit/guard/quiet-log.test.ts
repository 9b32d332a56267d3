import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createQuietLog } from '../../../src/guard/quiet-log.js'
import { createManualClock } from '../../support/manual-clock.js'

function setup() {
  const lines: { code: string; msg: string; count?: number }[] = []
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const clock = createManualClock()
  return { lines, clock, log: createQuietLog(logger, clock) }
}

describe('a quiet log', () => {
  it('writes five lines per code and minute, and then how many more there were', () => {
    const { lines, clock, log } = setup()
    for (let k = 0; k < 1000; k++) log.warn('E_A', {}, `message ${k}`)
    log.warn('E_B', {}, 'other')
    expect(lines.map(({ code }) => code)).toEqual([...Array(5).fill('E_A'), 'E_B'])
    clock.advance(60_000)
    expect(lines.at(-1)).toMatchObject({ code: 'E_A', count: 995 })
    expect(lines).toHaveLength(7)
    log.warn('E_A', {}, 'again')
    expect(lines.at(-1)).toMatchObject({ code: 'E_A', msg: 'again' })
  })

  it('writes what is still to be said when it stops', () => {
    const { lines, log } = setup()
    for (let k = 0; k < 7; k++) log.warn('E_A', {}, 'message')
    log.stop()
    expect(lines.at(-1)).toMatchObject({ count: 2 })
  })
})
