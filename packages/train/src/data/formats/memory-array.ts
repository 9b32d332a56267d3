/** Arrays that a reader already holds, as those that are read on demand. */

import { DataError } from '../data-error.js'
import type { NumberArray, Numbers, NumberType } from './raw.js'

const TYPES: readonly [NumberType, new (length: number | SharedArrayBuffer) => Numbers][] = [
  ['uint8', Uint8Array],
  ['int32', Int32Array],
  ['float32', Float32Array],
  ['float64', Float64Array],
]

/** Numbers per piece, where arrays are read by pieces. */
export const PIECE_NUMBERS = 1 << 20

/** An array in memory, `values` row-major. */
export function memoryArray(
  file: string,
  name: string,
  shape: readonly number[],
  values: Numbers,
): NumberArray {
  const own = TYPES.find(([, type]) => values instanceof type)?.[0] as NumberType
  const converted = (type: NumberType, from: number, to: number): Numbers => {
    const part = values.subarray(from, to)
    const Target = (TYPES.find(([known]) => known === type) as (typeof TYPES)[number])[1]
    const out = new Target(part.length)
    out.set(part as Uint8Array)
    const bad = own === 'uint8' ? -1 : (out as Float64Array).findIndex((value, k) => value !== part[k])
    if (bad >= 0 && (type === 'uint8' || type === 'int32'))
      throw new DataError('E_DATA_VALUE', `number ${from + bad} is ${part[bad]}, which is no ${type}`, {
        file,
      })
    return out
  }
  return {
    file,
    name,
    shape,
    type: own,
    load: async (type) => (type === own ? values : converted(type, 0, values.length)),
    async *pieces(type) {
      for (let from = 0; from < values.length; from += PIECE_NUMBERS)
        yield converted(type, from, from + PIECE_NUMBERS)
    },
  }
}
