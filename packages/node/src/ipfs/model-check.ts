import { createHash } from 'node:crypto'
import {
  cidFromDigest,
  firstNonFinite,
  LIMITS,
  MODEL_HEADER_BYTES,
  plainBytes,
  RAW,
  readModelHeader,
} from '@tempered/protocol'
import { NodeError } from '../errors.js'

/** Checks the bytes of a model as they pass, and holds none of them. */
export interface ModelCheck {
  /** Throws E_MODEL_HEADER, E_MODEL_LENGTH, E_TOO_LARGE, E_NOT_FINITE. */
  take(part: Uint8Array): void
  /** After the last part. Throws E_MODEL_LENGTH when bytes are missing. */
  end(): { readonly cid: string; readonly parameters: number; readonly byteLength: number }
}

export function createModelCheck(): ModelCheck {
  const hash = createHash('sha256')
  const header = new Uint8Array(MODEL_HEADER_BYTES)
  let received = 0
  let parameters = 0
  /** Bytes of a number whose end has not come yet. */
  let rest = new Uint8Array()

  const checkNumbers = (bytes: Uint8Array): void => {
    const whole = new Uint8Array(rest.byteLength + bytes.byteLength)
    whole.set(rest)
    whole.set(bytes, rest.byteLength)
    const count = Math.floor(whole.byteLength / 4)
    const bad = firstNonFinite(new Float32Array(whole.buffer, 0, count))
    if (bad >= 0) {
      const index = (received - MODEL_HEADER_BYTES - rest.byteLength) / 4 + bad
      throw new NodeError('E_NOT_FINITE', `not a usable model: parameter ${index} is not a finite number`)
    }
    rest = whole.slice(4 * count)
  }
  const expectedBytes = (): number => MODEL_HEADER_BYTES + 4 * parameters
  const wrongLength = (byteLength: string): NodeError =>
    new NodeError(
      'E_MODEL_LENGTH',
      `not a model: ${byteLength} bytes, but its header announces ${parameters} parameters, so ${expectedBytes()} bytes`,
    )
  return {
    take(part) {
      hash.update(part)
      const intoHeader = part.subarray(0, Math.max(0, MODEL_HEADER_BYTES - received))
      header.set(intoHeader, Math.min(received, MODEL_HEADER_BYTES))
      received += intoHeader.byteLength
      const numbers = part.subarray(intoHeader.byteLength)
      if (intoHeader.byteLength > 0 && received === MODEL_HEADER_BYTES) {
        parameters = readModelHeader(header)
        if (expectedBytes() > LIMITS.maxModelBytes)
          throw new NodeError(
            'E_TOO_LARGE',
            `the header announces ${parameters} parameters, so ${expectedBytes()} bytes; the maximum is ${LIMITS.maxModelBytes}`,
          )
      }
      if (numbers.byteLength === 0) return
      if (received + numbers.byteLength > expectedBytes()) throw wrongLength(`over ${expectedBytes()}`)
      checkNumbers(numbers)
      received += numbers.byteLength
    },
    end() {
      if (received < MODEL_HEADER_BYTES) readModelHeader(header.subarray(0, received))
      if (received !== expectedBytes()) throw wrongLength(String(received))
      return {
        cid: cidFromDigest(RAW, plainBytes(hash.digest())).toString(),
        parameters,
        byteLength: received,
      }
    },
  }
}
