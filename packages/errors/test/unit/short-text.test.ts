import { describe, expect, it } from 'vitest'
import { foreignText } from '../../src/short-text.js'
import { errorMessage } from '../../src/tempered-error.js'

describe('what another library says', () => {
  it('is cut, with whatever it quotes', () => {
    expect(foreignText('found repeat map key "a"')).toBe('found repeat map key "a"')
    expect(foreignText(`key "${'k'.repeat(9000)}" twice`)).toBe(`key "${'k'.repeat(60)}…" twice`)
    expect(foreignText('"'.repeat(9000)).length).toBe(301)
  })

  it('of an input that does not fit a schema is the first of what it found', () => {
    const issues = [
      { path: ['a', 0], message: 'must be bytes' },
      { path: [], message: 'Unrecognized key' },
    ]
    expect(errorMessage(Object.assign(new Error('all of it'), { issues }))).toBe('field a.0: must be bytes')
    expect(errorMessage(Object.assign(new Error('x'), { issues: issues.slice(1) }))).toBe('Unrecognized key')
    expect(errorMessage(Object.assign(new Error('no list'), { issues: [] }))).toBe('no list')
  })
})
