/**
 * Hashes of every rule's result on a fixed round: the same bits on every machine, Node version and kernel.
 * UPDATE_BITS=1 writes the file anew, which is a change of the package's promise.
 */

import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  createRule,
  listPreAggregators,
  listRules,
  type RoundInput,
  type RuleOptions,
  selectKernels,
} from '../../src/index.js'
import { cloud, ordinaryRound } from '../support.js'

const file = new URL('./rule-bits.json', import.meta.url)
const D = 4099
const round = ordinaryRound(10, D)
const byzantine = [
  round.own.map((value, k) => (k % 2 === 0 ? -3 * value : 1e20)),
  cloud('small', D, 0, 1e-24),
]
const input = { ...round, neighbours: [...round.neighbours, ...byzantine], previous: cloud('start', D, 0.9) }

function hash(
  name: string,
  params: Record<string, number>,
  options: RuleOptions,
  given: RoundInput = input,
): string {
  const { vector } = createRule(name, params, { evaluator: true, ...options }).aggregate(given)
  return createHash('sha256').update(new Uint8Array(vector.buffer)).digest('hex')
}

function allHashes(): Record<string, string> {
  const rules = listRules().map(({ name, example }) => [name, hash(name, example, {})])
  const pre = listPreAggregators().map(({ name }) => {
    const params = name === 'static-clipping' ? { c: 0.5 } : {}
    return [`${name} + average`, hash('average', {}, { pre: [{ name, params }] })]
  })
  // Without the huge model, so that their steps run over the matrix of distances.
  const near = { ...input, neighbours: round.neighbours }
  const steps = [
    ['geometric-median', { nu: 0.1, steps: 8 }],
    ['centred-clipping', { tau: 5, steps: 4 }],
  ] as const
  const overMatrix = steps.map(([name, params]) => [`${name}, near`, hash(name, params, {}, near)])
  return Object.fromEntries([...rules, ...pre, ...overMatrix])
}

test('the bits are those of the file, in WebAssembly and in plain TypeScript', () => {
  const fast = allHashes()
  if (process.env.UPDATE_BITS === '1') writeFileSync(file, `${JSON.stringify(fast, null, 2)}\n`)
  expect(fast).toEqual(JSON.parse(readFileSync(file, 'utf8')))
  selectKernels('plain')
  try {
    expect(allHashes()).toEqual(fast)
  } finally {
    selectKernels('auto')
  }
})
