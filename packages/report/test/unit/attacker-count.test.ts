import { describe, expect, it } from 'vitest'
import { AttackerCount } from '../../src/attacker-count.js'

describe('AttackerCount', () => {
  const node = (name: string, attack: string | null, rounds: [number, number] | null) => ({
    index: 0,
    name,
    peer: name,
    attack,
    attackRounds: rounds,
  })

  it('groups by attack and rounds, and names nodes when every run has the same', () => {
    const count = new AttackerCount()
    const honest = node('a', null, null)
    count.add([honest, node('b', 'ipm', [0, 9]), node('c', 'ipm', [3, 9]), node('d', 'alie', [0, 4])], 10)
    count.add([honest, node('b', 'ipm', [0, 9]), node('e', 'ipm', [3, 9]), node('d', 'alie', [0, 4])], 10)
    expect(count.groups()).toEqual([
      { attack: 'ipm', rounds: null, count: 1, names: ['b'] },
      { attack: 'ipm', rounds: { from: 4, to: null }, count: 1, names: [] },
      { attack: 'alie', rounds: { from: 1, to: 5 }, count: 1, names: ['d'] },
    ])
  })
})
