import { errorCode } from '@tempered/errors'
import type { Decode, Plant } from './target.js'

/** Puts a fault where the decoder refuses: `fault` gets the input and the error that a sound decoder throws. */
function whereRefused(
  decode: Decode,
  code: string,
  fault: (input: Uint8Array, error: unknown) => unknown,
): Decode {
  const refuse = (input: Uint8Array, error: unknown): unknown => {
    if (errorCode(error) !== code) throw error
    return fault(input, error)
  }
  return (input) => {
    try {
      const value = decode(input)
      return value instanceof Promise ? value.catch((error) => refuse(input, error)) : value
    } catch (error) {
      return refuse(input, error)
    }
  }
}

/** The check with this code is missing: what it refuses is taken for the valid input `as`. */
export const missingCheck = (code: string, as: () => Uint8Array | Promise<Uint8Array>): Plant => ({
  what: `takes what it must refuse with ${code}`,
  plant: (decode) =>
    whereRefused(decode, code, () => {
      const valid = as()
      return valid instanceof Promise ? valid.then(decode) : decode(valid)
    }),
})

/** The check with this code is missing, and what follows stumbles. */
export const bareError = (code: string): Plant => ({
  what: `throws a bare TypeError where ${code} belongs`,
  plant: (decode) =>
    whereRefused(decode, code, (_, error) => {
      throw new TypeError("Cannot read properties of undefined (reading 'length')", { cause: error })
    }),
})

/** A loop that does not end for what it must refuse. Only for decoders that do not wait. */
export const endless = (code: string): Plant => ({
  what: `loops without end where ${code} belongs`,
  plant: (decode) =>
    whereRefused(decode, code, () => {
      for (;;);
    }),
})

/** Never settles for what it must refuse. */
export const silent = (code: string): Plant => ({
  what: `never answers where ${code} belongs`,
  plant: (decode) => whereRefused(decode, code, () => new Promise(() => undefined)),
})

/** Asks for memory by a number in the input before it looks at it. */
export const greedy = (code: string): Plant => ({
  what: `allocates before it refuses with ${code}`,
  plant: (decode) =>
    whereRefused(decode, code, (_, error) => {
      new Uint8Array(2 ** 28)
      throw error
    }),
})
