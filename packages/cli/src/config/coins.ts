/** Amounts of a chain's coin as people write them: decimals with up to 18 places. */

const PLACES = 18
const COINS = /^\d{1,30}(\.\d{1,18})?$/

export function isCoins(text: string): boolean {
  return COINS.test(text)
}

/** A number without an exponent, as JavaScript prints it otherwise. */
export function plainDecimal(value: number): string {
  if (!Number.isFinite(value) || value < 0) return String(value)
  const text = String(value)
  return text.includes('e') ? value.toFixed(PLACES).replace(/\.?0+$/, '') : text
}

/** In wei. `text`: see `isCoins`. */
export function weiOf(text: string): bigint {
  const [whole = '0', part = ''] = text.split('.')
  return BigInt(whole) * 10n ** BigInt(PLACES) + BigInt(part.padEnd(PLACES, '0'))
}

/** All digits that count: 1500000000000000000 is 1.5. */
export function coinsText(wei: bigint): string {
  const sign = wei < 0n ? '-' : ''
  const digits = (wei < 0n ? -wei : wei).toString().padStart(PLACES + 1, '0')
  const part = digits.slice(-PLACES).replace(/0+$/, '')
  return `${sign}${digits.slice(0, -PLACES)}${part === '' ? '' : `.${part}`}`
}
