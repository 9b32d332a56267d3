import { type Hex, keccak256, stringToHex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { SignatureBook } from '../../src/worker/signature-book.js'

const accounts = [1, 2, 3].map(() => privateKeyToAccount(generatePrivateKey()))
const digest = keccak256(stringToHex('outcome'))
const book = () => new SignatureBook((peerId) => accounts[Number(peerId)]?.address, 20)
const sign = (k: number, over: Hex = digest): Promise<Hex> => accounts[k]!.sign({ hash: over })

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
/** 0 or 1 in place of 27 or 28. */
const otherByte = (signature: Hex): Hex => {
  const recovery = Number.parseInt(signature.slice(-2), 16) - 27
  return `${signature.slice(0, -2) as Hex}0${recovery}`
}
/** The higher s, which is valid for the same. */
const otherForm = (signature: Hex): Hex => {
  const s = ORDER - BigInt(`0x${signature.slice(66, 130)}`)
  const recovery = signature.endsWith('1b') ? '1c' : '1b'
  return `${signature.slice(0, 66) as Hex}${s.toString(16).padStart(64, '0')}${recovery}`
}

describe('a signature book', () => {
  it('counts each member once', async () => {
    const signatures = book()
    for (const peerId of ['0', '1', '1', '0'])
      expect(await signatures.add(peerId, digest, await sign(Number(peerId)))).toBe(true)
    expect(signatures.of(digest)).toEqual([await sign(0), await sign(1)])
  })

  it.each<[string, () => Promise<boolean>]>([
    ['of another member', async () => book().add('0', digest, await sign(1))],
    ['over something else', async () => book().add('0', digest, await sign(0, keccak256('0x01')))],
    ['of a stranger', async () => book().add('9', digest, await sign(0))],
    ['that is none', () => book().add('0', digest, '0x1234')],
    ['whose last byte contracts do not take', async () => book().add('0', digest, otherByte(await sign(0)))],
    [
      'in its second form, which contracts do not take',
      async () => book().add('0', digest, otherForm(await sign(0))),
    ],
    ['of more than 65 bytes', async () => book().add('0', digest, `${await sign(0)}00`)],
  ])('refuses one %s', async (_, add) => {
    expect(await add()).toBe(false)
  })

  it('keeps all that come at once', async () => {
    const signatures = book()
    const signed = await Promise.all([0, 1, 2].map((k) => sign(k)))
    const added = await Promise.all(signed.map((one, k) => signatures.add(String(k), digest, one)))
    expect(added).toEqual([true, true, true])
    expect(new Set(signatures.of(digest))).toEqual(new Set(signed))
  })

  it.each([
    ['one after the other', false],
    ['at once', true],
  ])('keeps the newest of what a member signs %s', async (_, isAtOnce) => {
    const signatures = book()
    const digests = Array.from({ length: 40 }, (__, k) => keccak256(stringToHex(`digest ${k}`)))
    const signed = await Promise.all(digests.map((over) => sign(0, over)))
    await signatures.add('1', digests[0]!, await sign(1, digests[0]!))
    const adding = (k: number) => signatures.add('0', digests[k]!, signed[k]!)
    if (isAtOnce) await Promise.all(digests.map((__, k) => adding(k)))
    else for (const [k] of digests.entries()) await adding(k)
    const kept = digests.filter((over, k) => signatures.of(over).includes(signed[k]!))
    expect(kept).toHaveLength(20)
    if (!isAtOnce) expect(kept).toEqual(digests.slice(20))
    // What another has signed stays.
    expect(signatures.of(digests[0]!)).toContain(await sign(1, digests[0]!))
  })
})
