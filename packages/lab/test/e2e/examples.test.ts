import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { CACHE } from '../../../../test-support/cache.js'
import { sized } from '../../../../test-support/tier.js'

const FOLDER = fileURLToPath(new URL('../../../../examples', import.meta.url))

/** What each example must print. */
const EXPECTED: Readonly<Record<string, RegExp>> = {
  'one-node.mjs': /ledger verifies: 3 entries/,
  'own-rule.mjs': /nearest-half: worst honest node .* attackers' weight 0\.\d\d/,
  'matrix-table.mjs': /multi-krum/,
  'verify-and-replay.mjs': /node-03 {2}2 entries verify; replay: 0 agree, 2 wrong, 0 unproven/,
  'attack-search.mjs': /test error at the worst honest node under/,
}

describe('examples', () => {
  it('are all here, each of at most 60 lines', () => {
    const files = readdirSync(FOLDER).filter((name) => name.endsWith('.mjs'))
    expect(files.sort()).toEqual(Object.keys(EXPECTED).sort())
    for (const file of files)
      expect(readFileSync(join(FOLDER, file), 'utf8').split('\n').length, file).toBeLessThanOrEqual(60)
  })

  it.each(sized(['one-node.mjs'], Object.keys(EXPECTED)))('%s runs', async (name) => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(FOLDER, name)], {
      env: { ...process.env, TEMPERED_CACHE: CACHE, NO_COLOR: '1' },
      maxBuffer: 1 << 24,
    })
    expect(stdout).toMatch(EXPECTED[name]!)
  })
})
