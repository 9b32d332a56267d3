import { describe, expect, it } from 'vitest'
import { shareIndices } from '../../../src/data/data-share.js'
import { createDataset } from '../../../src/data/dataset.js'
import { histogram, type PartitionScheme, partition } from '../../../src/data/partition.js'

const labels = Uint8Array.from({ length: 5000 }, (_, k) => (k * 7) % 10)
const split = (nodes: number, scheme: PartitionScheme, seed: number | string = 1) =>
  partition({ labels, classes: 10, nodes, scheme, seed })
const counts = (nodes: number, scheme: PartitionScheme) =>
  split(nodes, scheme).map((part) => [...histogram(labels, part, 10)])

/** Samples of which only the labels matter. */
const train = createDataset({
  name: 'labels',
  inputs: new Uint8Array(labels.length),
  shape: [1],
  targets: labels,
  classes: 10,
})

describe('partition', () => {
  it('iid: equal sizes, every class near its share', () => {
    for (const row of counts(10, { kind: 'iid' })) {
      expect(row.reduce((a, b) => a + b)).toBe(500)
      for (const count of row) expect(Math.abs(count - 50)).toBeLessThan(35)
    }
  })

  it('label-groups with degree 1 gives each node the labels of its group only', () => {
    counts(20, { kind: 'label-groups', degree: 1 }).forEach((row, node) => {
      row.forEach((count, label) => {
        if (label === node % 10) expect(count).toBe(250)
        else expect(count).toBe(0)
      })
    })
  })

  it('label-groups with degree h: share h in the own group, the rest spread evenly', () => {
    counts(10, { kind: 'label-groups', degree: 0.5 }).forEach((row, node) => {
      row.forEach((count, label) => {
        const expected = label === node ? 250 : 250 / 9
        expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected))
      })
    })
  })

  it('label-groups with fewer nodes than classes shares the labels out by y mod nodes', () => {
    counts(3, { kind: 'label-groups', degree: 1 }).forEach((row, node) => {
      row.forEach((count, label) => {
        expect(count).toBe(label % 3 === node ? 500 : 0)
      })
    })
  })

  it('label-groups with a number of nodes that is not a multiple of the classes', () => {
    const rows = counts(13, { kind: 'label-groups', degree: 1 })
    expect(rows[0]?.[0]).toBe(250)
    expect(rows[10]?.[0]).toBe(250)
    expect(rows[5]?.[5]).toBe(500)
  })

  it('dirichlet: a small alpha is skewed, a large one is even', () => {
    const largest = (alpha: number) => {
      const rows = counts(10, { kind: 'dirichlet', alpha })
      return Array.from({ length: 10 }, (_, c) => Math.max(...rows.map((row) => row[c] as number)))
    }
    for (const most of largest(1000)) expect(most).toBeLessThan(70)
    expect(Math.max(...largest(0.05))).toBeGreaterThan(300)
    expect(split(10, { kind: 'dirichlet', alpha: 1e-9 }).every((part) => part.length > 0)).toBe(true)
  })

  it('shards: two shards hold at most four classes, equal sizes', () => {
    for (const row of counts(25, { kind: 'shards', perNode: 2 })) {
      expect(row.reduce((a, b) => a + b)).toBe(200)
      expect(row.filter((count) => count > 0).length).toBeLessThanOrEqual(4)
    }
  })

  it('by-group: each group has its own labels, dealt evenly among its nodes', () => {
    const groups = [
      [0, 1, 2],
      [3, 4],
    ]
    counts(5, { kind: 'by-group', groups }).forEach((row, node) => {
      const first = row.slice(0, 5).reduce((a, b) => a + b)
      const second = row.slice(5).reduce((a, b) => a + b)
      expect(node < 3 ? second : first).toBe(0)
      expect(Math.abs((node < 3 ? first : second) - (node < 3 ? 2500 / 3 : 1250))).toBeLessThan(1)
    })
    expect(split(5, { kind: 'by-group', groups }, 1)).not.toEqual(split(5, { kind: 'by-group', groups }, 2))
  })

  it.each([
    [[[0, 1]]],
    [
      [
        [0, 1],
        [1, 2],
      ],
    ],
    [[[0, 1, 2], []]],
    [[[0, 1], [3]]],
  ])('by-group refuses groups %j of three nodes', (groups) => {
    expect(() => split(3, { kind: 'by-group', groups })).toThrow(
      expect.objectContaining({ code: 'E_PARTITION' }),
    )
  })

  it('depends on the seed', () => {
    for (const kind of ['iid', 'label-groups', 'dirichlet', 'shards'] as const) {
      const scheme = { kind, degree: 0.5, alpha: 1, perNode: 2 } as PartitionScheme
      expect(split(7, scheme, 1)).toEqual(split(7, scheme, 1))
      expect(split(7, scheme, 1)).not.toEqual(split(7, scheme, 2))
    }
  })

  it.each([
    [0, { kind: 'iid' }],
    [1.5, { kind: 'iid' }],
    [5001, { kind: 'iid' }],
    [5, { kind: 'label-groups', degree: 1.1 }],
    [5, { kind: 'label-groups', degree: Number.NaN }],
    [5, { kind: 'dirichlet', alpha: 0 }],
    [5, { kind: 'shards', perNode: 0 }],
    [5, { kind: 'shards', perNode: 1001 }],
  ] as [number, PartitionScheme][])('refuses %d nodes with %j', (nodes, scheme) => {
    expect(() => split(nodes, scheme)).toThrow(expect.objectContaining({ code: 'E_PARTITION' }))
  })

  it('refuses a label that is not a class, and a part that does not exist', () => {
    const scheme = { kind: 'iid' } as const
    expect(() => partition({ labels, classes: 9, nodes: 2, scheme, seed: 1 })).toThrow(
      expect.objectContaining({ code: 'E_LABEL_RANGE' }),
    )
    expect(() => shareIndices({ train, test: train }, { scheme, part: 2, parts: 2, seed: 1 })).toThrow(
      expect.objectContaining({ code: 'E_PARTITION' }),
    )
  })
})

describe('the share of a node', () => {
  it('is that of its own seed and number of nodes, whatever was dealt before', () => {
    const share = (part: number, parts: number, seed: number) =>
      shareIndices({ train, test: train }, { scheme: { kind: 'iid' }, part, parts, seed })
    const deal = (nodes: number, seed: number) =>
      partition({ labels, classes: 10, nodes, scheme: { kind: 'iid' }, seed })
    expect([share(0, 3, 1), share(1, 3, 1)]).toEqual(deal(3, 1).slice(0, 2))
    expect(share(0, 3, 2)).toEqual(deal(3, 2)[0])
    expect(share(0, 2, 2)).toEqual(deal(2, 2)[0])
    expect(share(2, 3, 1)).toEqual(deal(3, 1)[2])
  })
})
