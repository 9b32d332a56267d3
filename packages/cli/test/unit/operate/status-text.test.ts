import { describe, expect, it } from 'vitest'
import { statusDocument } from '../../../src/operate/status-document.js'
import { durationText } from '../../../src/terminal/duration-text.js'
import { statusText } from '../../../src/terminal/status-text.js'
import { SAMPLE_NOW_MS, sampleStatus } from '../../support/sample-status.js'

const document = (changes = {}) =>
  statusDocument(
    sampleStatus(changes),
    { node: 'alice', pid: 42, nowMs: SAMPLE_NOW_MS },
    { stateBytes: 1_000_000, freeBytes: 5e9 },
  )

describe('the status of a running node', () => {
  it('counts rounds from 1 and says when everything was', () => {
    expect(document()).toMatchObject({
      node: 'alice',
      pid: 42,
      round: 4,
      rounds: 10,
      phaseSeconds: 1.5,
      secondsLeft: 58.5,
      uptimeSeconds: 60,
      startedAt: '2026-11-30T12:00:00.000Z',
      ready: true,
      ledger: { entries: 3, lastRound: 3, finalEntries: 2 },
      lastRound: { round: 3, testMetric: 0.75 },
      neighbours: [
        { newestRound: 4, up: true },
        { newestRound: null, lastSeenAt: null },
      ],
    })
    expect(document({ round: 10, phase: 'lingering' }).round).toBe(10)
  })

  it('tells people whom the node waits for, and why', () => {
    const text = statusText(document())
    expect(text).toContain('round    4 of 10, collecting for 1.5 s')
    expect(text).toContain(
      'waits    for 1 neighbour: …ighbourA (its model is being fetched); goes on without them in 59 s at most',
    )
    expect(text).toContain('not admitted: E_WRONG_RUN')
    expect(text).toContain('2.0 s ago')
    expect(text).toContain('/ip4/192.0.2.1/tcp/4001')
    expect(text).toContain('no neighbour answers')
  })

  it('shows what was dropped and who is kept away', () => {
    const text = statusText(document())
    expect(text).toContain('ighbourC  E_RATE  until 2026-11-30T12:02:00Z')
    expect(text).toContain('announcement  E_RATE  40')
    expect(statusText(document({ guard: null }))).not.toContain('dropped')
  })

  it('shows no code of a peer that is none', () => {
    const [refusal] = sampleStatus().refusals
    const text = statusText(document({ refusals: [{ ...refusal!, code: '\u001b[31m evil' }] }))
    expect(text).not.toContain('evil')
    expect(text).toContain('an unknown code')
  })
})

describe('durationText', () => {
  it.each([
    [0.04, '0.0 s'],
    [9.9, '9.9 s'],
    [59.4, '59 s'],
    [61, '1 min 1 s'],
    [3 * 3600 + 5 * 60, '3 h 5 min'],
    [49 * 3600, '2 d 1 h'],
  ])('%d s are %s', (seconds, text) => {
    expect(durationText(seconds)).toBe(text)
  })
})
