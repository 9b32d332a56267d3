import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { coinsText, isCoins, plainDecimal, weiOf } from '../../../src/config/coins.js'

describe('amounts of coins', () => {
  it.each([
    ['1', 10n ** 18n],
    ['0.5', 5n * 10n ** 17n],
    ['0.000000000000000001', 1n],
    ['1000000', 10n ** 24n],
    ['0', 0n],
  ])('%s is %i wei', (text, wei) => {
    expect(isCoins(text)).toBe(true)
    expect(weiOf(text)).toBe(wei)
    expect(coinsText(wei)).toBe(text)
  })

  it.each([
    '',
    '-1',
    '1e3',
    '.5',
    '1.',
    '1,5',
    '0x10',
    ' 1',
    '0.1234567890123456789',
    '1'.repeat(31),
    'NaN',
    '1 ',
  ])('"%s" is none', (text) => {
    expect(isCoins(text)).toBe(false)
  })

  it('are read as they are written, to the last wei', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 10n ** 40n }), (wei) => weiOf(coinsText(wei)) === wei))
  })

  it('of numbers in YAML have no exponent', () => {
    for (const value of [1e-7, 0.05, 1e21, 12.5, 0]) expect(Number(plainDecimal(value))).toBe(value)
    expect(isCoins(plainDecimal(1e-7))).toBe(true)
    expect(isCoins(plainDecimal(Number.NaN))).toBe(false)
    expect(isCoins(plainDecimal(-1))).toBe(false)
  })
})
