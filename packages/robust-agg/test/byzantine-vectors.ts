/** What a Byzantine neighbour may send: vectors that must be set aside, and finite ones that must do no harm. */

import { cloud } from './support.js'

export const unusable: ReadonlyArray<[string, (d: number) => Float32Array, string]> = [
  ['too short', (d) => new Float32Array(d - 1).fill(1), 'wrong-length'],
  ['too long', (d) => new Float32Array(d + 1).fill(1), 'wrong-length'],
  ['empty', () => new Float32Array(0), 'wrong-length'],
  ['all NaN', (d) => new Float32Array(d).fill(Number.NaN), 'not-finite'],
  ['one NaN at the end', (d) => cloud('nan', d).fill(Number.NaN, d - 1), 'not-finite'],
  ['one Infinity', (d) => cloud('inf', d).fill(Number.POSITIVE_INFINITY, 3, 4), 'not-finite'],
  [
    'both infinities',
    (d) => new Float32Array(d).map((_, k) => (k % 2 === 0 ? Infinity : -Infinity)),
    'not-finite',
  ],
]
export const strange: ReadonlyArray<[string, (own: Float32Array) => Float32Array]> = [
  ['1e38 everywhere', (own) => own.map(() => 1e38)],
  [
    'the largest float32, alternating',
    (own) => own.map((_, k) => (k % 2 === 0 ? 3.4028234e38 : -3.4028234e38)),
  ],
  ['denormals', (own) => own.map(() => 1e-45)],
  ['negative zeros', (own) => own.map(() => -0)],
  ['my own model', (own) => own.slice()],
  ['my own model negated', (own) => own.map((value) => -value)],
]

/** Losses that no evaluation should give. */
export const brokenEvaluators: ReadonlyArray<[string, (parameters: Float32Array) => number]> = [
  ['gives NaN', () => Number.NaN],
  ['gives Infinity', () => Infinity],
  ['gives −Infinity', () => -Infinity],
  ['gives the largest numbers of both signs', (x) => (x[0] > 1 ? 1.7e308 : -1.7e308)],
  ['gives no number', () => 'low' as unknown as number],
  [
    'throws',
    () => {
      throw new Error('no evaluation today')
    },
  ],
]
