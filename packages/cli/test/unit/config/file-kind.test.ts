import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { kindOfText } from '../../../src/config/file-kind.js'

const SCENARIOS = fileURLToPath(new URL('../../../../../scenarios', import.meta.url))

describe('kindOfText', () => {
  it('tells every shipped file apart', () => {
    const names = readdirSync(SCENARIOS, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.yaml$/.test(name),
    )
    expect(names.length).toBeGreaterThan(15)
    for (const name of names) {
      const expected = name.startsWith('labs')
        ? 'lab'
        : name.startsWith('consensus')
          ? 'consensus'
          : 'scenario'
      expect(kindOfText(readFileSync(join(SCENARIOS, name), 'utf8')), name).toBe(expected)
    }
  })

  it('reads JSON as well', () => {
    expect(kindOfText('{"name": "x", "axes": {"rules": ["median"]}}')).toBe('lab')
    expect(kindOfText('{\n  "axes": {"rules": ["median"]}\n}')).toBe('lab')
    expect(kindOfText('- axes')).toBe('scenario')
  })
})
