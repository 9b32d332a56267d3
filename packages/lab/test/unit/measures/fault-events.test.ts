import { describe, expect, it } from 'vitest'
import { type FaultEvent, faultEventText, faultNodes } from '../../../src/measures/fault-events.js'

const nameOf = (index: number): string => `n${index}`
const fault = (action: FaultEvent['action']): FaultEvent => ({ type: 'fault', action })

describe('fault events', () => {
  it('tells every kind from its data', () => {
    const told = (action: FaultEvent['action']) => faultEventText(fault(action), nameOf)
    expect(told({ type: 'kill', at: 3, node: 2 })).toBe('kill: n2')
    expect(told({ type: 'partition', at: 1, groups: [[0, 1], [2]] })).toBe('partition: n0, n1 | n2')
    expect(
      told({ type: 'slow-link', at: 1, between: [0, 3], latencyMs: 300, bytesPerSecond: undefined }),
    ).toBe('slow-link: n0, n3, latencyMs 300')
    expect(told({ type: 'meteor' })).toBe('meteor')
  })

  it('knows whom it is about', () => {
    expect(
      faultNodes(
        fault({
          type: 'partition',
          groups: [
            [0, 1],
            [1, 2],
          ],
        }),
      ),
    ).toEqual([0, 1, 2])
    expect(faultNodes(fault({ type: 'slow-link', between: [4, 5] }))).toEqual([4, 5])
    expect(faultNodes(fault({ type: 'heal' }))).toEqual([])
  })
})
