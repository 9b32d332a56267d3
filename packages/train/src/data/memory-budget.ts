/** How much memory the encoded samples of a source may take: text such as `512MB`, and the default. */

import { quoted } from '@tempered/errors'
import { DataError } from './data-error.js'

/** Where nothing is said: 2 GiB. */
export const DEFAULT_MEMORY_BYTES = 2 * 1024 * 1024 * 1024

/** The environment variable that sets the default for every command. */
export const MEMORY_VARIABLE = 'TEMPERED_DATA_MEMORY'

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}
const AMOUNT = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]i?b|b)\s*$/i

/** What an amount of memory looks like, for messages. */
export const MEMORY_EXAMPLE = 'a number and a unit, for example 512MB or 4GiB'

/** Bytes of a text such as `512MB` or `1.5 GiB`; undefined when it is none, or less than one byte. */
export function parseMemory(text: string): number | undefined {
  const match = AMOUNT.exec(text)
  if (match === null) return undefined
  const bytes = Math.floor(Number(match[1]) * (UNITS[(match[2] as string).toLowerCase()] as number))
  return bytes >= 1 ? bytes : undefined
}

/**
 * Bytes of `given`, else of the environment variable TEMPERED_DATA_MEMORY, else 2 GiB. Throws E_DATA_MEMORY for a text
 * that is no amount of memory.
 */
export function memoryBytes(given?: string): number {
  const text = given ?? process.env[MEMORY_VARIABLE]
  if (text === undefined || text === '') return DEFAULT_MEMORY_BYTES
  const bytes = parseMemory(text)
  if (bytes !== undefined) return bytes
  const where = given === undefined ? `the environment variable ${MEMORY_VARIABLE}` : 'data.memory'
  throw new DataError('E_DATA_MEMORY', `${where} is ${quoted(text)}; write ${MEMORY_EXAMPLE}`)
}

/** Bytes for people, decimal: `12.3 GB`. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000
  return unit === 0 ? `${value} bytes` : `${Number(value.toPrecision(3))} ${units[unit]}`
}
