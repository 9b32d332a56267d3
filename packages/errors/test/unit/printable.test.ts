import { describe, expect, it } from 'vitest'
import { printable, TemperedError } from '../../src/index.js'

describe('messages', () => {
  it('show control characters instead of sending them to a terminal', () => {
    const name = 'a\x1b[31mred\x07\x9b2J'
    expect(printable(name)).toBe('a\\x1b[31mred\\x07\\x9b2J')
    expect(new TemperedError('E_X', `no column "${name}"`, {}).message).toBe(
      'no column "a\\x1b[31mred\\x07\\x9b2J"',
    )
  })

  it('keep their lines, and everything that can be read', () => {
    const text = 'first\nsecond\tä 中 😀\r\n'
    expect(printable(text)).toBe(text)
  })
})
