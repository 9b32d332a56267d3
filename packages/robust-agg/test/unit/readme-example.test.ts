/** Runs the README's example as it stands there and compares what it prints with what the README says. */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { listAttacks } from '../../src/attacks/index.js'
import * as robustAgg from '../../src/index.js'
import { listTopologies } from '../../src/topology/index.js'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

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

/** True when a table row begins with this name, however the columns are padded. */
const hasRow = (name: string): boolean => new RegExp(`^\\| \`${name}\` +\\|`, 'm').test(readme)

test('every rule, attack and topology has its place in the README', () => {
  for (const { name } of robustAgg.listRules()) expect(hasRow(name), name).toBe(true)
  for (const { name } of listAttacks()) expect(hasRow(name), name).toBe(true)
  for (const { name } of listTopologies()) expect(readme).toContain(`\`${name}\``)
  for (const { params } of robustAgg.listRules()) {
    for (const { name } of params) expect(readme).toContain(`\`${name}\``)
  }
})
