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
    expect(() => boundPeer(...change(right, place))).toThrow('has not signed that')
  })
})
