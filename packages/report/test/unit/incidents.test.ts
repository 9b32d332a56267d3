import { describe, expect, it } from 'vitest'
import { groupByRound, markText } from '../../src/client/incidents.js'

const incident = (round: number, kind: string, text: string) => ({ round, kind, text })

describe('marks of what happened in a round', () => {
  const killed = incident(3, 'kill', 'killed: node-04')
  const joined = incident(5, 'join', 'joined: node-11')

  it('stand at their rounds, those of a round together', () => {
    const again = incident(3, 'kill', 'killed: node-07')
    expect([...groupByRound([killed, joined, again])]).toEqual([
      [3, [killed, again]],
      [5, [joined]],
    ])
  })

  it('name the node where the words are few', () => {
    expect(markText([killed])).toBe('killed: node-04')
    expect(markText([killed, joined])).toBe('killed: node-04\njoined: node-11')
  })

  it('count what happened several times, and name the kind where the words are many', () => {
    expect(markText([killed, joined, killed])).toBe('kill ×2\njoined: node-11')
    expect(markText([incident(4, 'partition', 'a wall between nodes 1 to 6 and 7 to 12')])).toBe('partition')
  })
})
