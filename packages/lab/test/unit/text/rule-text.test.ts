import { describe, expect, it } from 'vitest'
import { ruleText } from '../../../src/text/rule-text.js'

describe('ruleText', () => {
  it('names what stands before the rule, shortened when there is much of it', () => {
    const pre = ['distinct', 'mad-clipping', 'arc', 'nnm'].map((name) => ({ name }))
    expect(ruleText({ name: 'median' })).toBe('median')
    expect(ruleText({ name: 'median', pre: pre.slice(2) })).toBe('arc + nnm + median')
    expect(ruleText({ name: 'median', pre })).toBe('distinct + … + median')
  })

  it('says how the models of private rounds are weighed', () => {
    expect(ruleText({ name: 'average' }, { rule: { name: 'multi-krum' } })).toBe(
      'average, private multi-krum',
    )
    expect(ruleText({ name: 'average' }, {})).toBe('average, private masks')
  })
})
