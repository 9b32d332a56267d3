import { parseText } from '@tempered/lab/documents'
import { describe, expect, it } from 'vitest'
import { isListenAddress, isMultiaddr, isRelayAddress } from '../../../src/config/multiaddr.js'
import { reachOptions } from '../../../src/config/network-config.js'
import { checkNodeConfig, nodeConfigSchema } from '../../../src/config/node-config.js'

const PEER = '12D3KooWQbNtwBfMRPX29EowmoUi78HRKN4CxjgPc8XdvfsiECVk'
const TCP = '/ip4/192.0.2.7/tcp/4001'
const parse = (text: string) =>
  parseText('node.yaml', `name: a\n${text}`, nodeConfigSchema, { check: checkNodeConfig })

describe('addresses', () => {
  it.each([
    [`${TCP}`, true, false],
    [`${TCP}/ws`, true, false],
    [`${TCP}/p2p/${PEER}`, true, true],
    [`/dns4/a.example/tcp/443/wss/p2p/${PEER}`, false, true],
    ['/dns6/a.example/tcp/443/tls/ws', false, false],
    ['/ip6/2001:db8::7/tcp/443/tls/sni/a.example/ws', false, false],
    [`/dnsaddr/a.example/p2p/${PEER}`, false, true],
    [`${TCP}/p2p/${PEER}/p2p-circuit/p2p/${PEER}`, false, false],
  ])('%s is one; to listen on: %s; of a relay: %s', (address, listens, relays) => {
    expect(isMultiaddr(address)).toBe(true)
    expect([isListenAddress(address), isRelayAddress(address)]).toEqual([listens, relays])
  })

  it.each([
    `${TCP}/p2p-circuit`,
    `${TCP}/p2p/${PEER}/p2p-circuit`,
    `${TCP}/http`,
    '/dnsaddr/',
    '/ip6/192.0.2.7/tcp/1/ws',
  ])('%s is none', (address) => expect(isMultiaddr(address)).toBe(false))
})

describe('network', () => {
  it('is flat unless something is said', () => {
    expect(reachOptions(parse('').network)).toEqual({
      relays: [],
      relay: undefined,
      holePunching: false,
      upnp: false,
      checkReachable: false,
    })
  })

  it('has limits of its own for a relay', () => {
    const { network } = parse('network: { relay: { serve: true, circuitMB: 2, circuitMinutes: 3 } }')
    expect(reachOptions(network).relay).toEqual({ circuitBytes: 2_000_000, circuitMs: 180_000 })
  })

  it('takes relays with their peer ids, and not beside announced addresses', () => {
    expect(() => parse(`network: { relays: [${TCP}] }`)).toThrow('with its peer id')
    expect(() => parse(`announce: [${TCP}]\nnetwork: { relays: [${TCP}/p2p/${PEER}] }`)).toThrow('announce')
    expect(() => parse('listen: [/dns4/a.example/tcp/443/wss]')).toThrow('no address to listen on')
  })
})
