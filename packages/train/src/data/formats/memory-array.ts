/** Arrays that a reader already holds, as those that are read on demand. */

import { DataError } from '../data-error.js'
import type { NumberArray, Numbers, NumberType } from './raw.js'

const TYPES: readonly [NumberType, new (length: number | SharedArrayBuffer) => Numbers][] = [
  ['uint8', Uint8Array],
  ['int32', Int32Array],
  ['float32', Float32Array],
  ['float64', Float64Array],
]

/** An array in memory, `values` row-major. */
export function memoryArray(
  file: string,
  name: string,
  shape: readonly number[],
  values: Numbers,
): NumberArray {
  const own = TYPES.find(([, type]) => values instanceof type)?.[0] as NumberType
  return {
    file,
    name,
    shape,
    type: own,
    async load(type) {
      if (type === own) return values
      const Target = (TYPES.find(([known]) => known === type) as (typeof TYPES)[number])[1]
      const out = new Target(values.length)
      out.set(values as Uint8Array)
      const bad = own === 'uint8' ? -1 : (out as Float64Array).findIndex((value, k) => value !== values[k])
      if (bad >= 0 && (type === 'uint8' || type === 'int32'))
        throw new DataError('E_DATA_VALUE', `number ${bad} is ${values[bad]}, which is no ${type}`, { file })
      return out
    },
  }
}
