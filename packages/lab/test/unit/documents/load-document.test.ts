import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { parseText } from '../../../src/documents/load-document.js'
import { scenarioSchema } from '../../../src/scenario/schema.js'

function problem(text: string, schema: z.ZodType = scenarioSchema): string {
  try {
    parseText('file.yaml', text, schema)
  } catch (error) {
    expect((error as { code: string }).code).toBe('E_CONFIG')
    return (error as Error).message
  }
  throw new Error('no error')
}

describe('parseText', () => {
  it('names file, line and column of an unknown key, and the nearest known one', () => {
    expect(problem('name: x\nnode: 4\n')).toBe('file.yaml:2:1: unknown key "node"; did you mean "nodes"?')
  })

  it('finds unknown keys inside objects and lists', () => {
    expect(problem('training:\n  round: 4\n')).toBe(
      'file.yaml:2:3: unknown key "training.round"; did you mean "rounds"?',
    )
    expect(problem('name: x\nrounds: 4\n')).toBe(
      'file.yaml:2:1: unknown key "rounds"; did you mean "training.rounds"?',
    )
    expect(problem('adversaries:\n  - nodes: [1]\n    atack: { name: ipm }\n')).toContain(
      'file.yaml:3:5: unknown key "adversaries.0.atack"; did you mean "attack"?',
    )
  })

  it('finds them beside names, where a bare name would do as well', () => {
    expect(problem('rule: { name: median, parms: {} }\n')).toContain(
      'file.yaml:1:23: unknown key "rule.parms"; did you mean "params"?',
    )
    expect(problem('rule: { nam: median }\n')).toContain('unknown key "rule.nam"; did you mean "name"?')
  })

  it('says of two ways to write one thing that one is to stay', () => {
    const either = z.strictObject({
      from: z.union([z.strictObject({ file: z.string() }), z.strictObject({ peer: z.string() })]),
    })
    expect(problem('from: { file: a, peer: b }\n', either)).toBe(
      'file.yaml:1:18: "from.peer" does not go with the other keys here; keep one way to write it',
    )
  })

  it('suggests nothing when nothing is near', () => {
    expect(problem('zzzzzzzz: 1\n')).toBe('file.yaml:1:1: unknown key "zzzzzzzz"')
  })

  it('points at the value that is wrong', () => {
    expect(problem('name: x\nnodes: none\n')).toMatch(/^file\.yaml:2:8: nodes: /)
    expect(problem('training:\n  momentum: 1.5\n')).toMatch(/^file\.yaml:2:13: training\.momentum: /)
  })

  it('reports several problems, one per line', () => {
    expect(problem('nodes: 0\nseedz: 3\n').split('\n')).toHaveLength(2)
  })

  it('says where YAML itself is broken', () => {
    expect(problem('nodes: [1, 2\n')).toMatch(/^file\.yaml:\d+:\d+: /)
  })

  it.each([
    ['name: x\n\tnodes: 3\n', /^file\.yaml:2:1: the line begins with a tab; indent with spaces/],
    ['nodes: 3\nnodes: 4\n', /^file\.yaml:2:1: duplicate key/],
    ['nodes: [1\nname: x\n', /^file\.yaml:2:1: an opening bracket is not closed/],
    ['name: x\n nodes: 3\n', /^file\.yaml:1:7: two keys in one entry/],
    ['name x\nnodes: 3\n', /^file\.yaml:1:1: a key is expected here/],
    ['name: "x\n', /^file\.yaml:2:1: a quote is not closed/],
    ['name: x\n---\nname: y\n', /^file\.yaml:2:1: a second document begins here; keep one in a file$/],
    ['a: &a\n  b: *a\n', /^file\.yaml:2:6: \*a stands inside what it repeats, without end$/],
    ['a: &a [*a]\n', /^file\.yaml:1:8: \*a stands inside/],
    ['name: @x\n', /^file\.yaml:1:7: .*needs quotes/],
    ['name: *x\n', /^file\.yaml:1:7: there is no anchor &x before \*x/],
  ])('says how to mend %j', (text, expected) => {
    expect(problem(text)).toMatch(expected)
  })

  it('says of half a JSON file that it is cut off', () => {
    expect(() => parseText('m.json', '{"name": "x", "nodes": [1, 2', scenarioSchema)).toThrow(
      /^m\.json:1:29: the file is cut off: it ends inside a list or mapping; copy it again$/,
    )
  })

  it('refuses lists that lie too deep in one another', () => {
    expect(problem('['.repeat(20_000))).toMatch(
      /^file\.yaml:1:\d+: lists or mappings lie too deep inside one another/,
    )
  })

  it('refuses aliases that multiply', () => {
    const levels = Array.from(
      { length: 9 },
      (_, k) =>
        `a${k}: &a${k} [${
          k === 0
            ? '1'
            : Array(9)
                .fill(`*a${k - 1}`)
                .join(', ')
        }]`,
    )
    expect(problem(`${levels.join('\n')}\n`)).toMatch(/^file\.yaml: its aliases expand to too many nodes/)
  })

  it('takes an empty file as one that leaves everything to the defaults', () => {
    expect(parseText('file.yaml', '# nothing here\n', scenarioSchema).nodes).toBe(10)
    expect(problem('', z.strictObject({ name: z.string() }))).toBe(
      'file.yaml: is empty; it needs at least name',
    )
  })

  it('reads JSON as well', () => {
    expect(parseText('file.json', '{"nodes": 7}', scenarioSchema).nodes).toBe(7)
  })
})
