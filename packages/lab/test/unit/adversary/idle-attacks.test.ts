import { describe, expect, it } from 'vitest'
import { idleAttackWarning } from '../../../src/adversary/chain-attacks.js'

describe('an attack on a chain', () => {
  it.each([
    ['stake-grinding', 'pos'],
    ['vote-flipping', 'bft'],
    ['false-score', 'pofl'],
    ['selfish-mining', 'pow'],
    ['false-score', 'one of my own'],
    ['sign-flip-model', undefined],
    ['sign-flip-model', 'bft'],
  ])('%s can act on %s', (attack, architecture) => {
    expect(idleAttackWarning(attack, architecture)).toBeUndefined()
  })

  it.each([
    ['stake-grinding', 'bft', /only to pos/],
    ['vote-flipping', 'pow', /only to bft and vbfl/],
    ['false-score', 'vbfl', /only to pofl/],
    ['block-withholding', undefined, /the run has none/],
  ])('%s cannot act on %s', (attack, architecture, text) => {
    expect(idleAttackWarning(attack, architecture)).toMatch(text)
  })
})
