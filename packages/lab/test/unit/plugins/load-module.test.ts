import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createRule } from '@tempered/robust-agg'
import { describe, expect, it } from 'vitest'
import { fullName, loadModule, loadUsedModules, PLUGIN_KINDS } from '../../../src/plugins/load-module.js'
import { resolveModules } from '../../../src/plugins/resolve-modules.js'
import { pluginTemplate } from '../../../src/plugins/templates.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const rule = (combine: string, name = 'mine'): string =>
  `export default { kind: 'rule', name: '${name}', combine: ${combine} }`

async function load(text: string, kind?: (typeof PLUGIN_KINDS)[number]) {
  return inTemporaryFolder(async (folder) => {
    const file = join(folder, 'plugin.mjs')
    await writeFile(file, text)
    return loadModule(file, kind)
  })
}

describe('loadModule', () => {
  it('registers a rule under its name and the hash of its file', async () => {
    const module = await load(rule('({ own }) => own', 'keep-own'))
    expect(module).toMatchObject({ kind: 'rule', name: `keep-own@${module.sha256.slice(0, 32)}` })
    expect(fullName('keep-own')).toBe(module.name)
    const made = createRule(module.name)
    const round = { own: Float32Array.of(1), neighbours: [Float32Array.of(3)], round: 0, rounds: 1 }
    expect([...made.aggregate(round).vector]).toEqual([1])
  })

  it('says which file an unknown name with a hash wants, and which one is here', async () => {
    const { name } = await load(rule('({ own }) => own', 'versioned'))
    const other = `versioned@${'0'.repeat(32)}`
    expect(() => createRule(other)).toThrow(
      /SHA-256 begins with 0{32}; this process has loaded another version/,
    )
    expect(() => createRule(`unheard@${'0'.repeat(32)}`)).toThrow(/no module of that name is loaded here/)
    expect(name).not.toBe(other)
  })

  it.each<[string, RegExp]>([
    ['export const rule = {}', /has no default export/],
    ['export default 3', /has no default export/],
    [
      "export default { name: 'x' }",
      /`kind` must be one of rule, pre-aggregator, attack, topology, architecture, measure/,
    ],
    ["export default { kind: 'rul', name: 'x' }", /did you mean 'rule'\?/],
    ["export default { kind: 'rule' }", /`name` is missing/],
    ["export default { kind: 'rule', name: 'Not Good', combine: () => 0 }", /lower-case words with dashes/],
    ["export default { kind: 'rule', name: 'a@b', combine: () => 0 }", /no @/],
    ["export default { kind: 'rule', name: 'no-code' }", /`combine` must be a function; it is missing/],
    [
      "export default { kind: 'rule', name: 'text', combine: 'x' }",
      /`combine` must be a function; it is string/,
    ],
    [rule("() => { throw new Error('oops') }"), /`combine` threw: oops/],
    [rule('({ own }) => own.map(() => NaN)'), /returned NaN at index 0/],
    [rule('({ own }) => own.slice(1)'), /returned 7 values; the models have 8/],
    [rule('() => undefined'), /returned nothing; a Float32Array of length 8/],
    [rule('({ own }) => ({ vector: own, accepted: [true] })'), /`accepted` has 1 entries for 6 neighbours/],
    [
      rule('({ own }) => own').replace('combine', 'params: [{ name: "f" }], combine'),
      /params\[0\] needs `name` and `meaning`/,
    ],
    ["export default { kind: 'attack', name: 'none' }", /needs `craft`, `poisonLabels` or `poisonSamples`/],
    [
      "export default { kind: 'attack', name: 'short', craft: () => [1] }",
      /returned 1 values; the models have 4/,
    ],
    [
      "export default { kind: 'pre-aggregator', name: 'one', mix: ({ models }) => [models[0]] }",
      /must return 5 models/,
    ],
    ["export default { kind: 'topology', name: 'flat' }", /`edges` must be a function/],
    [
      "export default { kind: 'measure', name: 'm', label: 'x', description: 'y', unit: 'kg', better: null, of: () => 1 }",
      /`unit` must be one of/,
    ],
    [
      "import { x } from './other.mjs'\nexport default x",
      /imports \.\/other\.mjs, which its hash would not cover/,
    ],
    ['export default {', /cannot be imported/],
  ])('refuses %s', async (text, message) => {
    await expect(load(text)).rejects.toMatchObject({
      code: 'E_MODULE',
      message: expect.stringMatching(message),
    })
  })

  it('refuses a module of another kind, and a file that is not there', async () => {
    await expect(load(rule('({ own }) => own', 'a-rule'), 'attack')).rejects.toThrow(
      /describes a rule, but a module of kind attack is expected here/,
    )
    await expect(loadModule('/nowhere/x.mjs')).rejects.toThrow(/there is no such file/)
  })

  it('notices that a file has changed since a run used it', async () => {
    await inTemporaryFolder(async (folder) => {
      const file = join(folder, 'plugin.mjs')
      await writeFile(file, rule('({ own }) => own', 'changing'))
      const used = await loadModule(file)
      await expect(loadUsedModules([used])).resolves.toBeUndefined()
      await writeFile(file, `${rule('({ own }) => own', 'changing')} // changed`)
      await expect(loadUsedModules([used])).rejects.toThrow(/has changed: its SHA-256 is/)
    })
  })

  it.each(PLUGIN_KINDS)('takes the template of a %s', async (kind) => {
    const name = kind === 'measure' ? 'templateMeasure' : `template-${kind}`
    await expect(load(pluginTemplate(kind, name).module, kind)).resolves.toMatchObject({ kind })
  })
})

describe('resolveModules', () => {
  it('puts names where files stood, and lists what was loaded', async () => {
    await inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'r.mjs'), rule('({ own }) => own', 'resolved'))
      const { value, problems } = await resolveModules(
        { rules: ['median', { module: './r.mjs', params: {} }], nodes: 4 },
        folder,
      )
      expect(problems).toEqual([])
      expect(value).toMatchObject({
        nodes: 4,
        rules: ['median', { name: expect.stringMatching(/^resolved@[0-9a-f]{32}$/), params: {} }],
        modules: [{ kind: 'rule', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }],
      })
    })
  })

  it('reports each module that cannot be loaded at its place', async () => {
    const { problems } = await resolveModules(
      { adversaries: [{ attack: { module: './gone.mjs' } }], measures: [{ module: './gone-too.mjs' }] },
      '/nowhere',
    )
    expect(problems).toEqual([
      {
        path: ['measures', 0, 'module'],
        message: expect.stringMatching(/gone-too\.mjs: there is no such file/),
      },
      { path: ['adversaries', 0, 'attack', 'module'], message: expect.stringMatching(/gone\.mjs/) },
    ])
  })

  it('leaves a document without modules as it is', async () => {
    const raw = { rule: 'median', adversaries: [{ attack: 'ipm' }] }
    expect(await resolveModules(raw, '/nowhere')).toEqual({ value: raw, problems: [] })
  })
})
