/**
 * Writes WebAssembly: function bodies instruction by instruction, and modules of functions that import their memory.
 * Covers only what the kernels need. Byte values: WebAssembly core specification 2.0, section 5 (binary format).
 */

export const I32 = 0x7f
export const V128 = 0x7b

/** Vector instructions, after the prefix 0xfd. */
export const simd = {
  load: 0x00,
  splatLoad64: 0x0a,
  store: 0x0b,
  splatI32: 0x11,
  splatF64: 0x14,
  laneF32: 0x1f,
  laneF64: 0x21,
  laneI32: 0x1b,
  ltF64: 0x49,
  gtI32: 0x3b,
  and: 0x4e,
  andNot: 0x4f,
  xor: 0x51,
  loadLow64: 0x5d,
  demote: 0x5e,
  promote: 0x5f,
  shrS: 0xac,
  shrU: 0xad,
  minS: 0xb6,
  maxS: 0xb8,
  maxU: 0xb9,
  addF32: 0xe4,
  subF32: 0xe5,
  mulF32: 0xe6,
  addF64: 0xf0,
  subF64: 0xf1,
  mulF64: 0xf2,
  divF64: 0xf3,
} as const

export const wasm = {
  ifThen: 0x04,
  otherwise: 0x05,
  emptyType: 0x40,
  end: 0x0b,
  brIf: 0x0d,
  call: 0x10,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Load: 0x28,
  f64Load: 0x2b,
  f64Store: 0x39,
  i32Const: 0x41,
  f64Const: 0x44,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32LtU: 0x49,
  i32GtU: 0x4b,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32Shl: 0x74,
  f64Add: 0xa0,
  promoteF32: 0xbb,
  select: 0x1b,
} as const

function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    bytes.push(rest > 0 ? low + 128 : low)
  } while (rest > 0)
  return bytes
}

function signed(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (;;) {
    const low = rest & 0x7f
    rest >>= 7
    const last = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)
    bytes.push(last ? low : low | 0x80)
    if (last) return bytes
  }
}

/** A function body. Parameters are i32; a result, if any, is i32. */
export class FunctionCode {
  readonly parameters: number
  readonly hasResult: boolean
  private readonly locals: number[] = []
  private readonly bytes: number[] = []

  constructor(parameters: number, hasResult = false) {
    this.parameters = parameters
    this.hasResult = hasResult
  }

  /** A new local, zero at the start; its index. */
  local(type: number): number {
    return this.parameters + this.locals.push(type) - 1
  }

  get(index: number): this {
    this.bytes.push(wasm.localGet, ...unsigned(index))
    return this
  }

  set(index: number): this {
    this.bytes.push(wasm.localSet, ...unsigned(index))
    return this
  }

  tee(index: number): this {
    this.bytes.push(wasm.localTee, ...unsigned(index))
    return this
  }

  i32(value: number): this {
    this.bytes.push(wasm.i32Const, ...signed(value))
    return this
  }

  f64(value: number): this {
    this.bytes.push(wasm.f64Const, ...new Uint8Array(Float64Array.of(value).buffer))
    return this
  }

  op(code: number): this {
    this.bytes.push(code)
    return this
  }

  /** A scalar load or store: address on the stack, plus a constant offset in bytes. */
  memory(code: number, offset: number): this {
    this.bytes.push(code, 0, ...unsigned(offset))
    return this
  }

  /** A vector instruction without immediates. */
  simd(code: number): this {
    this.bytes.push(0xfd, ...unsigned(code))
    return this
  }

  /** A vector load or store. */
  vector(code: number, offset: number): this {
    this.bytes.push(0xfd, ...unsigned(code), 0, ...unsigned(offset))
    return this
  }

  lane(code: number, lane: number): this {
    this.bytes.push(0xfd, ...unsigned(code), lane)
    return this
  }

  /** i8x16.shuffle: result byte i is byte lanes[i] of the two operands, 32 bytes, in a row. */
  shuffle(lanes: readonly number[]): this {
    this.bytes.push(0xfd, 0x0d, ...lanes)
    return this
  }

  /** Calls a function of the same module by its index. */
  call(index: number): this {
    this.bytes.push(wasm.call, ...unsigned(index))
    return this
  }

  /** Runs the body if the i32 on the stack is not 0. */
  when(body: () => void): this {
    this.bytes.push(wasm.ifThen, wasm.emptyType)
    body()
    this.bytes.push(wasm.end)
    return this
  }

  /** Runs one of two bodies, the first if the i32 on the stack is not 0. */
  either(body: () => void, other: () => void): this {
    this.bytes.push(wasm.ifThen, wasm.emptyType)
    body()
    this.bytes.push(wasm.otherwise)
    other()
    this.bytes.push(wasm.end)
    return this
  }

  /** Repeats the body while the i32 that it leaves on the stack is not 0; runs it at least once. */
  loop(body: () => void): this {
    this.bytes.push(0x03, 0x40)
    body()
    this.bytes.push(wasm.brIf, 0, wasm.end)
    return this
  }

  /** Adds a constant to an i32 local. */
  advance(index: number, by: number): this {
    return this.get(index).i32(by).op(wasm.i32Add).set(index)
  }

  /** The body as encoded in the code section. */
  encode(): number[] {
    const body = [
      ...unsigned(this.locals.length),
      ...this.locals.flatMap((type) => [1, type]),
      ...this.bytes,
      wasm.end,
    ]
    return [...unsigned(body.length), ...body]
  }
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content]
}

function name(text: string): number[] {
  return [...unsigned(text.length), ...Array.from(text, (letter) => letter.charCodeAt(0))]
}

/**
 * A module that imports one shared memory as `env.memory` and exports the functions by name.
 *
 * @param pages - least and largest number of 64 KiB pages that the memory may declare
 */
export function encodeModule(
  functions: Readonly<Record<string, FunctionCode>>,
  pages: readonly [number, number],
): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(functions)
  const types = entries.flatMap(([, { parameters, hasResult }]) => [
    0x60,
    ...unsigned(parameters),
    ...new Array<number>(parameters).fill(I32),
    ...(hasResult ? [1, I32] : [0]),
  ])
  const bodies = entries.map(([, code]) => code.encode())
  const bytes: number[] = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
  const append = (part: readonly number[]): void => {
    for (const byte of part) bytes.push(byte)
  }
  append(section(1, [...unsigned(entries.length), ...types]))
  append(
    section(2, [1, ...name('env'), ...name('memory'), 2, 3, ...unsigned(pages[0]), ...unsigned(pages[1])]),
  )
  append(section(3, [...unsigned(entries.length), ...entries.flatMap((_, index) => unsigned(index))]))
  append(
    section(7, [
      ...unsigned(entries.length),
      ...entries.flatMap(([key], index) => [...name(key), 0, ...unsigned(index)]),
    ]),
  )
  const length = bodies.reduce((sum, body) => sum + body.length, 0) + unsigned(bodies.length).length
  append([10, ...unsigned(length), ...unsigned(bodies.length)])
  for (const body of bodies) append(body)
  return Uint8Array.from(bytes)
}
