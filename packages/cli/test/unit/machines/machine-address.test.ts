import { describe, expect, it } from 'vitest'
import { machineAddresses } from '../../../src/machines/machine-address.js'

const NAMES = ['node-00', 'node-01', 'node-02']

describe('hostAddresses', () => {
  it('are the names of the nodes where none is given', () => {
    expect(machineAddresses(NAMES, [])[1]).toEqual({
      port: 4001,
      announce: '/dns4/node-01/tcp/4001',
      listen: '/ip4/0.0.0.0/tcp/4001',
    })
  })

  it.each([
    ['node-01=192.0.2.7:4100', '/ip4/192.0.2.7/tcp/4100', '/ip4/0.0.0.0/tcp/4100'],
    ['1=hospital.example.org:9', '/dns4/hospital.example.org/tcp/9', '/ip4/0.0.0.0/tcp/9'],
    ['1=[2001:db8::7]:4001', '/ip6/2001:db8::7/tcp/4001', '/ip6/::/tcp/4001'],
    ['1=127.0.0.1:4100', '/ip4/127.0.0.1/tcp/4100', '/ip4/127.0.0.1/tcp/4100'],
    ['1=localhost:4100', '/dns4/localhost/tcp/4100', '/ip4/127.0.0.1/tcp/4100'],
    ['1=[::1]:4100', '/ip6/::1/tcp/4100', '/ip6/::1/tcp/4100'],
  ])('%s', (given, announce, listen) => {
    const [first, second] = machineAddresses(NAMES, [given])
    expect(second).toMatchObject({ announce, listen })
    expect(first?.announce).toBe('/dns4/node-00/tcp/4001')
  })

  it.each([
    ['node-1=192.0.2.7:4100', 'did you mean node-01?'],
    ['3=192.0.2.7:4100', 'node-00 to node-02'],
    ['1', 'is not host:port'],
    ['1=192.0.2.7', 'is not host:port'],
    ['1=192.0.2.700:4001', 'is not host:port'],
    ['1=192.0.2.7:0', 'is not host:port'],
    ['1=192.0.2.7:65536', 'is not host:port'],
    ['1=2001:db8::7:4001', 'is not host:port'],
    ['1=[192.0.2.7]:4001', 'is not host:port'],
    ['1=a/b:4001', 'is not host:port'],
    ['1=node-00:4001', 'node-00 and node-01 cannot both be at /dns4/node-00/tcp/4001'],
  ])('refuses %s', (given, message) => {
    expect(() => machineAddresses(NAMES, [given])).toThrow(message)
  })

  it('refuses two addresses of one node', () => {
    expect(() => machineAddresses(NAMES, ['1=a.example:1', 'node-01=b.example:1'])).toThrow(
      'node-01 already has one',
    )
  })
})
