import type { Mutator } from './mutator.js'
import type { Random } from './random.js'

/** Lengths and numbers at which decoders go wrong. */
export const EDGES: readonly bigint[] = [
  0n,
  1n,
  2n,
  23n,
  24n,
  127n,
  128n,
  255n,
  256n,
  32_767n,
  65_535n,
  65_536n,
  16_777_216n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
]

/** The bytes with some of them replaced. */
export function spliced(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  return Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)])
}

const flipped: Mutator = (input, random) => {
  const bytes = input.slice()
  if (bytes.byteLength > 0) bytes[random.below(bytes.byteLength)]! ^= 1 << random.below(8)
  return bytes
}
const replaced: Mutator = (input, random) => {
  const bytes = input.slice()
  if (bytes.byteLength > 0)
    bytes[random.below(bytes.byteLength)] = random.chance(0.5)
      ? random.pick([0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x22, 0x2c, 0x5b, 0x7b])
      : random.below(256)
  return bytes
}
const truncated: Mutator = (input, random) => input.slice(0, random.below(input.byteLength))
const beheaded: Mutator = (input, random) => input.slice(random.below(Math.min(input.byteLength, 64)))
const removed: Mutator = (input, random) => {
  const at = random.below(input.byteLength)
  return spliced(input, at, random.between(1, 16), new Uint8Array())
}
const inserted: Mutator = (input, random) =>
  spliced(input, random.below(input.byteLength + 1), 0, random.bytes(random.between(1, 16)))
const repeated: Mutator = (input, random) => {
  const at = random.below(input.byteLength)
  const piece = input.subarray(at, at + random.between(1, 64))
  const times = random.between(1, random.chance(0.1) ? 64 : 3)
  return spliced(input, at, 0, Buffer.concat(Array.from({ length: times }, () => piece)))
}
const trailed: Mutator = (input, random) => Buffer.concat([input, random.bytes(random.between(1, 40))])
const zeroed: Mutator = (input, random) => {
  const bytes = input.slice()
  const at = random.below(bytes.byteLength)
  bytes.fill(random.pick([0, 0xff]), at, at + random.between(1, 32))
  return bytes
}

/** A number of 1, 2, 4 or 8 bytes, of either order, as they are length fields: an edge, or what is there and a little. */
const renumbered: Mutator = (input, random) => {
  const width = random.pick([1, 2, 4, 8] as const)
  if (input.byteLength < width) return input
  const bytes = input.slice()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const at = random.chance(0.4)
    ? random.below(Math.min(64, bytes.byteLength - width + 1))
    : random.below(bytes.byteLength - width + 1)
  const little = random.chance(0.5)
  let value = 0n
  for (let k = 0; k < width; k++) value |= BigInt(bytes[at + k]!) << BigInt(8 * (little ? k : width - 1 - k))
  const next = random.chance(0.5) ? value + BigInt(random.between(-2, 2)) : random.pick(EDGES)
  for (let k = 0; k < width; k++)
    view.setUint8(
      at + k,
      Number((BigInt.asUintN(64, next) >> BigInt(8 * (little ? k : width - 1 - k))) & 255n),
    )
  return bytes
}

const crossed: Mutator = (input, random, other) => {
  const b = other()
  return Buffer.concat([
    input.subarray(0, random.below(input.byteLength + 1)),
    b.subarray(random.below(b.byteLength + 1)),
  ])
}

const ALL: readonly Mutator[] = [
  flipped,
  flipped,
  replaced,
  replaced,
  truncated,
  truncated,
  beheaded,
  removed,
  inserted,
  repeated,
  trailed,
  zeroed,
  renumbered,
  renumbered,
  renumbered,
  crossed,
]

/** Changes of bytes that know nothing of the format: bits, lengths, cuts, splices. */
export const mutateBytes: Mutator = (input, random, other) =>
  // slice() of a Buffer shares its memory.
  random.pick(ALL)(new Uint8Array(input), random, other)

/** Random bytes that begin as an input does. */
export function noise(input: Uint8Array, random: Random): Uint8Array {
  const kept = input.subarray(0, random.below(12))
  return Buffer.concat([kept, random.bytes(random.below(200))])
}
