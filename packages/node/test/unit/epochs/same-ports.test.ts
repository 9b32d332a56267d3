import { describe, expect, it } from 'vitest'
import { samePorts } from '../../../src/epochs/same-ports.js'

describe('ports in the next epoch', () => {
  const heard = [
    '/ip4/45.0.0.10/tcp/4001/p2p/relay/p2p-circuit/p2p/me',
    '/ip4/127.0.0.1/tcp/4101/p2p/me',
    '/ip4/192.168.1.2/tcp/4101/p2p/me',
    '/ip4/127.0.0.1/tcp/4102/ws/p2p/me',
    '/ip6/::1/tcp/4103/p2p/me',
  ]

  it('are those that the system chose before, by kind of listener', () => {
    expect(samePorts(['/ip4/0.0.0.0/tcp/0', '/ip4/0.0.0.0/tcp/0/ws', '/ip6/::/tcp/0'], heard)).toEqual([
      '/ip4/0.0.0.0/tcp/4101',
      '/ip4/0.0.0.0/tcp/4102/ws',
      '/ip6/::/tcp/4103',
    ])
  })

  it('are as configured where they were, and where nothing is known', () => {
    expect(samePorts(['/ip4/0.0.0.0/tcp/4001', '/dns4/a/tcp/0'], heard)).toEqual([
      '/ip4/0.0.0.0/tcp/4001',
      '/dns4/a/tcp/0',
    ])
    expect(samePorts(['/ip4/0.0.0.0/tcp/0'], [])).toEqual(['/ip4/0.0.0.0/tcp/0'])
  })
})
