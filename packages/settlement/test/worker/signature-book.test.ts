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

  it('is not filled by what comes at once either', async () => {
    const signatures = book()
    const digests = Array.from({ length: 40 }, (_, k) => keccak256(stringToHex(`digest ${k}`)))
    const signed = await Promise.all(digests.map((over) => sign(0, over)))
    const added = await Promise.all(signed.map((one, k) => signatures.add('0', digests[k]!, one)))
    expect(added.filter(Boolean)).toHaveLength(20)
    expect(digests.filter((over) => signatures.of(over).length > 0)).toHaveLength(20)
  })

  it('does not let a member fill it', async () => {
    const signatures = book()
    const added: boolean[] = []
    for (let k = 0; k < 25; k++) {
      const over = keccak256(stringToHex(`digest ${k}`))
      added.push(await signatures.add('0', over, await sign(0, over)))
    }
    expect(added.filter(Boolean)).toHaveLength(20)
    expect(await signatures.add('1', digest, await sign(1))).toBe(true)
  })
})
