import type { Mutator } from './mutator.js'
import type { Random } from './random.js'

/** What a decoder makes of bytes: a value, or one of our errors. */
export type Decode = (input: Uint8Array) => unknown

/** A decoder of bytes that come from outside, with what must hold for whatever comes. */
export interface Target {
  /** Makes valid inputs; they must be accepted. */
  valid(random: Random): Uint8Array | Promise<Uint8Array>
  readonly mutate: Mutator
  /** Throws, or rejects with, TemperedError or another error with a code of ours. */
  readonly decode: Decode
  /** What must hold of a value and the input that it came from; throws `Broken`. */
  holds?(value: unknown, input: Uint8Array): void
  /** The most bytes of buffers that one input may make the decoder ask for; 8 MiB unless given. */
  readonly mostBytes?: number
  /** The most milliseconds for one input; 2,000 unless given. */
  readonly mostMs?: number
  /** The most characters of a message; 4,096 unless given. */
  readonly mostMessage?: number
  /** Faults put into the decoder, which the fuzzer must find. */
  readonly plants: readonly Plant[]
  close?(): Promise<void>
}

export interface Plant {
  readonly what: string
  /** The decoder with a fault. */
  plant(decode: Decode): Decode
}

export interface TargetEntry {
  readonly name: string
  /** What is decoded, and by what. */
  readonly about: string
  open(): Target | Promise<Target>
}

/** What had to hold and did not. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

/** @param what - had to hold */
export function must(holds: boolean, what: string): void {
  if (!holds) throw new Broken(what)
}
