import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { kindOfText, loadKind } from '../../../src/documents/file-kind.js'
import { LabError } from '../../../src/errors.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const failing = (message: string) => () => Promise.reject(new LabError('E_CONFIG', message))

it('says of which kind a file is whose keys are those of another kind', async () => {
  await expect(
    loadKind('scenario', 'l.yaml', failing('l.yaml:2:1: unknown key "axes"')),
  ).rejects.toMatchObject({
    code: 'E_CONFIG',
    message: 'l.yaml:2:1: unknown key "axes"\nthis looks like a lab file: ./tempered lab matrix l.yaml',
  })
  await expect(loadKind('lab', 's.yaml', failing('s.yaml:2:1: unknown key "adversaries"'))).rejects.toThrow(
    'this looks like a scenario file: ./tempered scenario run s.yaml',
  )
})

it('says only that when the file has no key of the kind that was asked for', async () => {
  const load = (kind: 'scenario' | 'lab', file: string, message: string) =>
    loadKind(kind, file, failing(message))
  const lab = join(SCENARIOS, 'labs', 'backdoor.yaml')
  await expect(load('scenario', lab, 'x: unknown key "axes"')).rejects.toThrow(
    `${lab}: not a scenario file but a lab file: ./tempered lab matrix ${lab}`,
  )
  await inTemporaryFolder(async (folder) => {
    const file = join(folder, 'x.yaml')
    writeFileSync(file, 'axes: {}\nrule: median\n')
    await expect(load('scenario', file, 'x: unknown key "axes"')).rejects.toThrow(
      /^x: .*\nthis looks like a lab/,
    )
    writeFileSync(file, 'members: []\nrule: {}\ntraining: {}\n')
    await expect(
      loadKind('task', file, failing('x: unknown key "rule"\nx: unknown key "members"')),
    ).rejects.toThrow(`not a task file but a manifest file: ./tempered manifest show ${file}`)
    writeFileSync(file, 'name: a\nlisten: []\n')
    await expect(load('scenario', file, 'x: unknown key "listen"')).rejects.toThrow(
      `not a scenario file but a node file: ./tempered node start --config ${file}`,
    )
  })
})

it('leaves other mistakes as they are', async () => {
  await expect(loadKind('lab', 'l.yaml', failing('unknown key "axis"'))).rejects.toThrow(
    /^unknown key "axis"$/,
  )
  const broken = new LabError('E_FILE', 'unknown key "rule"')
  await expect(loadKind('lab', 'l.yaml', () => Promise.reject(broken))).rejects.toBe(broken)
  await expect(loadKind('lab', 'l.yaml', async () => 7)).resolves.toBe(7)
})

const SCENARIOS = fileURLToPath(new URL('../../../../../scenarios', import.meta.url))

describe('kindOfText', () => {
  it('tells every shipped file apart', () => {
    const names = readdirSync(SCENARIOS, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.yaml$/.test(name),
    )
    expect(names.length).toBeGreaterThan(15)
    for (const name of names) {
      // Tasks stand beside the files that name them; what takes fetched data is a lab.
      const folders = { labs: 'lab', fetched: 'lab', consensus: 'consensus' } as const
      const folder = name.split(/[/\\]/, 1)[0] as keyof typeof folders
      const expected = name.endsWith('-task.yaml') ? 'task' : (folders[folder] ?? 'scenario')
      expect(kindOfText(readFileSync(join(SCENARIOS, name), 'utf8')), name).toBe(expected)
    }
  })

  it('reads JSON as well', () => {
    expect(kindOfText('{"name": "x", "axes": {"rules": ["median"]}}')).toBe('lab')
    expect(kindOfText('{\n  "axes": {"rules": ["median"]}\n}')).toBe('lab')
    expect(kindOfText('- axes')).toBe('scenario')
  })
})
