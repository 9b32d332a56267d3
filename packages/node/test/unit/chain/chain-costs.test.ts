import { describe, expect, it } from 'vitest'
import { CostCounter } from '../../../src/chain/chain-costs.js'

describe('the costs of a chain', () => {
  it('are counted from one report to the next', () => {
    let now = 0
    let hashes = 0
    const costs = new CostCounter({ monotonicMs: () => now }, () => hashes)
    costs.offer(0)
    now = 30
    hashes = 500
    costs.adopted(0)
    expect(costs.take(2)).toEqual({ agreeMs: 30, finalMs: null, wasted: 2, hashes: 500, authors: [] })
    costs.offer(1)
    now = 50
    costs.adopted(1)
    now = 100
    hashes = 800
    costs.final({ round: 0, author: 'a' })
    costs.final({ round: 1, author: 'b' })
    expect(costs.take(3)).toEqual({ agreeMs: 20, finalMs: 85, wasted: 3, hashes: 300, authors: ['a', 'b'] })
    expect(costs.take(3)).toEqual({ agreeMs: null, finalMs: null, wasted: 3, hashes: 0, authors: [] })
  })

  it('say nothing of rounds that others went on with before this node made an offer', () => {
    const costs = new CostCounter({ monotonicMs: () => 7 }, () => 0)
    costs.adopted(4)
    costs.final({ round: 4, author: 'a' })
    expect(costs.take(0)).toEqual({ agreeMs: null, finalMs: null, wasted: 0, hashes: 0, authors: ['a'] })
  })

  it('count a block with which the node goes on once it is final', () => {
    let now = 0
    const costs = new CostCounter({ monotonicMs: () => now }, () => 0)
    costs.offer(0)
    now = 40
    costs.final({ round: 0, author: 'a' })
    costs.adopted(0)
    expect(costs.take(0)).toMatchObject({ agreeMs: 40, finalMs: 40 })
  })
})
