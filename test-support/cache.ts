import { fileURLToPath } from 'node:url'

/** Where all tests keep converted data sets: converting the digits takes a second, reading them 50 ms. */
export const CACHE: string =
  process.env.TEMPERED_CACHE ?? fileURLToPath(new URL('../.cache', import.meta.url))
