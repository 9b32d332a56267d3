import type { Random } from './random.js'

/** Changes a valid input; `other` gives another valid input of the same target, for splices. */
export type Mutator = (input: Uint8Array, random: Random, other: () => Uint8Array) => Uint8Array

/** One of several mutators, each as often as its weight says. */
export function oneOf(...weighted: readonly (readonly [weight: number, mutator: Mutator])[]): Mutator {
  const sum = weighted.reduce((total, [weight]) => total + weight, 0)
  return (input, random, other) => {
    let left = random.below(sum)
    for (const [weight, mutator] of weighted) {
      if (left < weight) return mutator(input, random, other)
      left -= weight
    }
    return input
  }
}
