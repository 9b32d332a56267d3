import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { logFormatters } from '../../src/logger.js'

describe('logs', () => {
  it('count rounds from 1 in their fields', () => {
    const lines: string[] = []
    const logger = pino({ formatters: logFormatters }, { write: (line: string) => lines.push(line) })
    logger.child({ component: 'round' }).info({ round: 0, peer: 'p' }, 'round done')
    logger.info('no round')
    const [first, second] = lines.map((line) => JSON.parse(line))
    expect([first.round, first.peer, first.msg]).toEqual([1, 'p', 'round done'])
    expect(second.round).toBeUndefined()
  })
})
