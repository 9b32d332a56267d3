import { describe, expect, it } from 'vitest'
import { nearestName } from '../../src/nearest-name.js'

describe('nearestName', () => {
  it('takes slips, not other words', () => {
    expect(nearestName('topolgy', ['topology', 'training'])).toBe('topology')
    expect(nearestName('rule', ['topology', 'training'])).toBeUndefined()
  })

  it('reads upper case and underscores as lower case and dashes', () => {
    expect(nearestName('Label_Flip', ['label-flip', 'label-groups'])).toBe('label-flip')
  })

  it('offers the first name that goes on with a new word', () => {
    expect(nearestName('sign', ['median', 'sign-flip-model'])).toBe('sign-flip-model')
  })

  it('takes the first of two that are equally near', () => {
    expect(nearestName('rang', ['rand', 'ring'])).toBe('rand')
  })

  it.each([
    ['krum', 'krum'],
    ['krmu', 'krum'],
    ['krun', 'krum'],
    ['rum', 'krum'],
    ['Clipped_Gosip', 'clipped-gossip'],
    ['kitten', undefined],
  ])('reads %j as %j', (name, expected) => {
    expect(nearestName(name, ['clipped-gossip', 'krum'])).toBe(expected)
  })

  it('offers no one-letter name for another letter', () => {
    expect(nearestName('xy', ['f'])).toBeUndefined()
  })
})
