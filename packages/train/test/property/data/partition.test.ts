import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { histogram, type PartitionScheme, partition } from '../../../src/data/partition.js'

const scheme: fc.Arbitrary<PartitionScheme> = fc.oneof(
  fc.constant({ kind: 'iid' } as const),
  fc.record({
    kind: fc.constant('label-groups' as const),
    degree: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  fc.record({
    kind: fc.constant('dirichlet' as const),
    alpha: fc.oneof(fc.constantFrom(1e-300, 1e-6, 0.01), fc.double({ min: 0.1, max: 100, noNaN: true })),
  }),
  fc.record({ kind: fc.constant('shards' as const), perNode: fc.constant(1) }),
)

describe('partition', () => {
  it('uses every sample once, leaves no node empty, repeats itself, and gives single parts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }).chain((classes) =>
          fc.record({
            classes: fc.constant(classes),
            labels: fc.uint8Array({ min: 0, max: classes - 1, minLength: 1, maxLength: 120 }),
            share: fc.double({ min: 0, max: 1, noNaN: true }),
            scheme,
            seed: fc.integer(),
          }),
        ),
        ({ classes, labels, share, scheme, seed }) => {
          const nodes = 1 + Math.floor(share * (labels.length - 1))
          const request = { labels, classes, nodes, scheme, seed }
          const parts = partition(request)
          expect(parts).toHaveLength(nodes)
          expect(parts.every((part) => part.length > 0)).toBe(true)
          const all = parts.flatMap((part) => [...part]).sort((a, b) => a - b)
          expect(all).toEqual(Array.from({ length: labels.length }, (_, k) => k))
          const one = Math.floor(share * (nodes - 1))
          expect(partition(request)[one]).toEqual(parts[one])
          const total = parts.map((part) => histogram(labels, part, classes).reduce((a, b) => a + b, 0))
          expect(total).toEqual(parts.map((part) => part.length))
        },
      ),
      { numRuns: 300 },
    )
  })
})
