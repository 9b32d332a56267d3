/** Runs the README's example and compares its output with the README. */

import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as robustAgg from '../../src/index.js'
import { withTables } from '../readme-tables.js'

const file = new URL('../../README.md', import.meta.url)
const readme = readFileSync(file, 'utf8')

test('the example prints what the README says', () => {
  const code = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  const output = /```text\n([\s\S]*?)```/.exec(readme)?.[1]
  const body = code.replace(/^import (\{.*\}) from '@tempered\/robust-agg'$/m, 'const $1 = robustAgg')
  expect(body).not.toBe(code)
  let printed = ''
  const log = (...values: unknown[]): void => {
    printed += `${values.map(String).join(' ')}\n`
  }
  new Function('robustAgg', 'console', body)(robustAgg, { log })
  expect(printed).toBe(output)
})

/** The formatter pads table columns. */
const unpadded = (text: string): string => text.replace(/ {2,}/g, ' ').replace(/-{3,}/g, '---')

test('the tables are those of the code (UPDATE_README=1 rewrites them)', () => {
  const fresh = withTables(readme)
  if (process.env.UPDATE_README === '1') writeFileSync(file, fresh)
  else expect(unpadded(readme)).toBe(unpadded(fresh))
})
