import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { buildContracts } from '../../../scripts/contracts.mjs'

it('the committed artifacts are what the contracts give', () => {
  const committed = readFileSync(new URL('../src/contracts/artifacts.ts', import.meta.url), 'utf8')
  expect(buildContracts()).toBe(committed)
})
