import { createSigner } from '@tempered/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bindingHash, bindPeer, boundPeer } from '../src/binding.js'
import { type Deployed, deployed, MINIMUM } from './support/settlement.js'

const signer = createSigner(new Uint8Array(32).fill(7))
const other = createSigner(new Uint8Array(32).fill(8))

let on: Deployed
beforeAll(async () => {
  on = await deployed()
})
afterAll(() => on.chain.stop())

describe('a peer and its account', () => {
  it('are bound by a hash that is the contract’s own', async () => {
    const account = on.chain.wallet(1).account.address
    const { peerKey } = bindPeer(signer, account, on.place('stakes'))
    expect(bindingHash(account, peerKey, on.place('stakes'))).toBe(
      await on.read('stakes', 'bindingHash', [account, peerKey]),
    )
  })

  it('are found on the chain, and checked', async () => {
    const wallet = on.chain.wallet(2)
    const binding = bindPeer(signer, wallet.account.address, on.place('stakes'))
    await on.send(wallet, 'stakes', 'register', [binding.peerKey, binding.peerSignature], MINIMUM)
    expect(await on.read('stakes', 'memberOf', [binding.account])).toMatchObject({ peerKey: binding.peerKey })
    expect(boundPeer(binding, on.place('stakes'))).toBe(signer.peerId)
  })

  it.each([
    ['another account', (right, place) => [{ ...right, account: place.contract }, place]],
    [
      'another peer’s signature',
      (right, place) => [
        { ...right, peerSignature: bindPeer(other, right.account, place).peerSignature },
        place,
      ],
    ],
    [
      'another peer’s key',
      (right, place) => [{ ...right, peerKey: bindPeer(other, right.account, place).peerKey }, place],
    ],
    ['another chain', (right, place) => [right, { ...place, chainId: 1 }]],
    ['another contract', (right, place) => [right, { ...place, contract: right.account }]],
    ['a short signature', (right, place) => [{ ...right, peerSignature: '0x1234' as const }, place]],
  ] as readonly [
    string,
    (
      right: ReturnType<typeof bindPeer>,
      place: Parameters<typeof boundPeer>[1],
    ) => Parameters<typeof boundPeer>,
  ][])('are not bound by %s', (_, change) => {
    const place = on.place('stakes')
    const right = bindPeer(signer, on.chain.wallet(3).account.address, place)
    expect(() => boundPeer(...change(right, place))).toThrow('has not signed the binding')
  })

  // Encodings of points of small order. Under the first, signatures of zeros are valid for many messages.
  it.each([
    '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0000000000000000000000000000000000000000000000000000000000000000',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ])('are not bound under key %s, which is nobody’s', (key) => {
    const place = on.place('stakes')
    const account = on.chain.wallet(3).account.address
    for (const r of [key, '01'.padEnd(64, '0')])
      for (let attempt = 0; attempt < 20; attempt++) {
        const peerSignature = `0x${r}${attempt.toString(16).padStart(2, '0').padEnd(64, '0')}` as const
        expect(() => boundPeer({ account, peerKey: `0x${key}`, peerSignature }, place)).toThrow(
          'has not signed the binding',
        )
      }
  })
})
