import { describe, expect, it } from 'vitest'
import { ruleText } from '../../../src/text/rule-text.js'

describe('ruleText', () => {
  it('names what stands before the rule, shortened when there is much of it', () => {
    const pre = ['distinct', 'mad-clipping', 'arc', 'nnm'].map((name) => ({ name }))
    expect(ruleText({ name: 'median' })).toBe('median')
    expect(ruleText({ name: 'median', pre: pre.slice(2) })).toBe('arc + nnm + median')
    expect(ruleText({ name: 'median', pre })).toBe('distinct + … + median')
  })
})
