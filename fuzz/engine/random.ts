import { createHash } from 'node:crypto'

/** Numbers that follow from a seed alone (sfc32), so that every case can be made again by itself. */
export class Random {
  private a: number
  private b: number
  private c: number
  private counter = 1

  private constructor(state: Uint32Array) {
    ;[this.a, this.b, this.c] = [state[0]!, state[1]!, state[2]!]
    for (let k = 0; k < 12; k++) this.uint32()
  }

  /** The numbers of a seed made of parts, such as a seed, a target and a case. */
  static of(...parts: readonly (string | number)[]): Random {
    const digest = createHash('sha256').update(JSON.stringify(parts)).digest()
    return new Random(new Uint32Array(digest.buffer.slice(digest.byteOffset, digest.byteOffset + 12)))
  }

  uint32(): number {
    const next = (((this.a + this.b) | 0) + this.counter) | 0
    this.counter = (this.counter + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (((this.c << 21) | (this.c >>> 11)) + next) | 0
    return next >>> 0
  }

  /** An integer in [0, below). */
  below(below: number): number {
    return below <= 0 ? 0 : Math.floor((this.uint32() / 2 ** 32) * below)
  }

  /** An integer in [from, to]. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1)
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.uint32() / 2 ** 32 < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.uint32() & 0xff)
  }
}
