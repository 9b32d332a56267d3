import { describe, expect, it } from 'vitest'
import { sentence } from '../../../src/terminal/log-sentence.js'

const peer = '12D3KooWDDo1cNCCGuo1ZNRCDT3Qp1gnrJgF1J6ZquYKJx8NfBeR'

describe('log records on a terminal', () => {
  it('are sentences without JSON', () => {
    expect(sentence({ component: 'network', msg: 'neighbour up', peer, round: 3 })).toBe(
      'network: neighbour up (…x8NfBeR)'.replace('x8NfBeR', peer.slice(-8)),
    )
    expect(sentence({ msg: 'listening', addresses: ['/ip4/127.0.0.1/tcp/1', '/ip4/10.0.0.1/tcp/1'] })).toBe(
      'listening (/ip4/127.0.0.1/tcp/1, /ip4/10.0.0.1/tcp/1)',
    )
    expect(sentence({ component: 'round', msg: 'model rejected', peer, code: 'E_TIMEOUT' })).toBe(
      `round: model rejected (…${peer.slice(-8)}, E_TIMEOUT)`,
    )
  })

  it('do not repeat what the message says', () => {
    expect(sentence({ msg: `waiting for …${peer.slice(-8)}: E_TIMEOUT`, peer, code: 'E_TIMEOUT' })).toBe(
      `waiting for …${peer.slice(-8)}: E_TIMEOUT`,
    )
  })

  it('keep the stack of an error', () => {
    expect(sentence({ msg: 'bug', err: { message: 'x', stack: 'Error: x\n    at y' } })).toBe(
      'bug\nError: x\n    at y',
    )
  })
})
