import { describe, expect, it } from 'vitest'
import {
  allocateModel,
  decodeModel,
  encodeModel,
  firstNonFinite,
  MODEL_HEADER_BYTES,
  modelOver,
} from '../../src/tensor-codec.js'
import { codeOf, hex } from '../support/documents.js'

describe('model bytes', () => {
  it('are a header of 16 bytes and little-endian float32', () => {
    expect(hex(encodeModel(Float32Array.of(1, -2)))).toBe(
      `544d504d${'01'}${'01'}0000${'02000000'}${'00000000'}0000803f000000c0`,
    )
    expect(MODEL_HEADER_BYTES).toBe(16)
  })

  it('give back every bit of the numbers, those of −0, denormals and NaN payloads too', () => {
    const words = Uint32Array.of(0x80000000, 0x00000001, 0x807fffff, 0x7f7fffff, 0x7fc12345, 0xff800000)
    const decoded = decodeModel(encodeModel(new Float32Array(words.buffer)), words.length)
    expect(new Uint32Array(decoded.buffer, decoded.byteOffset, decoded.length)).toEqual(words)
  })

  it('are read in place where they are aligned, and copied where they are not', () => {
    const bytes = encodeModel(Float32Array.of(1, 2, 3))
    const inPlace = decodeModel(bytes, 3)
    expect(inPlace.buffer).toBe(bytes.buffer)
    for (const shift of [1, 2, 3, 4]) {
      const shifted = new Uint8Array(bytes.byteLength + 8).subarray(shift, shift + bytes.byteLength)
      shifted.set(bytes)
      const decoded = decodeModel(shifted, 3)
      expect([...decoded]).toEqual([1, 2, 3])
      expect(decoded.buffer === shifted.buffer).toBe(shift === 4)
    }
  })

  it('are copied out of a Buffer too, whose slice() shares its memory', () => {
    const parameters = Float32Array.of(1, 2, 3)
    const shifted = Buffer.concat([Uint8Array.of(0), encodeModel(parameters)]).subarray(1)
    expect(decodeModel(shifted, 3)).toEqual(parameters)
  })

  it('allocate with a live view of the numbers', () => {
    const model = allocateModel(2)
    model.parameters[1] = 5
    expect([...decodeModel(model.bytes, 2)]).toEqual([0, 5])
  })

  it.each(Array.from({ length: 16 }, (_, k) => k))('are refused when header byte %i differs', (k) => {
    const bytes = encodeModel(Float32Array.of(1, 2))
    for (let bit = 0; bit < 8; bit++) {
      const changed = bytes.slice()
      changed[k] ^= 1 << bit
      expect(codeOf(() => decodeModel(changed, 2))).toBe('E_MODEL_HEADER')
    }
  })

  it('are refused when they are one byte shorter or longer, or hold another count', () => {
    const bytes = encodeModel(Float32Array.of(1, 2))
    expect(codeOf(() => decodeModel(bytes.subarray(0, -1), 2))).toBe('E_MODEL_LENGTH')
    expect(codeOf(() => decodeModel(new Uint8Array([...bytes, 0]), 2))).toBe('E_MODEL_LENGTH')
    expect(codeOf(() => decodeModel(bytes, 1))).toBe('E_MODEL_LENGTH')
    expect(codeOf(() => decodeModel(bytes, 3))).toBe('E_MODEL_LENGTH')
    expect(codeOf(() => decodeModel(new Uint8Array(0), 2))).toBe('E_MODEL_LENGTH')
  })

  it('may hold no parameters at all', () => {
    expect(decodeModel(encodeModel(new Float32Array(0)), 0).length).toBe(0)
  })
})

describe('firstNonFinite', () => {
  const floats = (...words: number[]) => new Float32Array(Uint32Array.from(words).buffer)

  it('takes zeros of both signs, denormals and the largest floats as finite', () => {
    expect(firstNonFinite(floats(0, 0x80000000, 1, 0x807fffff, 0x7f7fffff, 0xff7fffff))).toBe(-1)
    expect(firstNonFinite(new Float32Array(0))).toBe(-1)
  })

  it.each([
    ['infinity', 0x7f800000],
    ['minus infinity', 0xff800000],
    ['the quiet NaN', 0x7fc00000],
    ['a signalling NaN', 0x7f800001],
    ['a negative NaN', 0xffffffff],
  ])('finds %s at any position', (_what, word) => {
    for (let k = 0; k < 5; k++) {
      const words = [0, 1, 2, 3, 4]
      words[k] = word
      expect(firstNonFinite(floats(...words))).toBe(k)
    }
  })

  it('names the first of several, and looks at the view only, not at the buffer around it', () => {
    expect(firstNonFinite(floats(0, 0x7f800000, 0x7fc00000))).toBe(1)
    const around = floats(0x7f800000, 0, 0, 0x7f800000)
    expect(firstNonFinite(around.subarray(1, 3))).toBe(-1)
  })

  it('can be made over memory of the right length and place, and over no other', () => {
    const memory = new Uint8Array(new SharedArrayBuffer(64)).fill(7)
    const model = modelOver(memory.subarray(8, 8 + 16 + 12), 3)
    model.parameters.set([1, -2, 3])
    expect([...decodeModel(model.bytes, 3)]).toEqual([1, -2, 3])
    expect(model.bytes).toEqual(encodeModel(Float32Array.of(1, -2, 3)))
    expect([...memory.subarray(0, 8), ...memory.subarray(36)].every((byte) => byte === 7)).toBe(true)
    for (const [from, to] of [
      [8, 35],
      [8, 40],
      [6, 34],
    ])
      expect(codeOf(() => modelOver(memory.subarray(from, to), 3))).toBe('E_MODEL_LENGTH')
  })
})
