import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callCli } from '../support/call-cli.js'
import { inTemporaryFolder, runCli, startCli } from '../support/run-cli.js'

describe('the tempered command', () => {
  it('shows help for every command it names', () =>
    inTemporaryFolder(async (folder) => {
      const help = await runCli(['--help'], folder)
      expect(help.code).toBe(0)
      for (const command of [
        ['demo'],
        ['node', 'init'],
        ['node', 'start'],
        ['manifest', 'create'],
        ['cluster', 'run'],
        ['scenario', 'run'],
        ['scenario', 'node'],
        ['ledger', 'verify'],
        ['ledger', 'show'],
        ['ledger', 'replay'],
        ['ledger', 'check'],
        ['ledger', 'prove'],
        ['ledger', 'explain'],
        ['ledger', 'export'],
        ['ledger', 'diff'],
      ]) {
        expect(help.stdout).toContain(command[0])
        expect((await callCli([...command, '--help'], folder)).stdout).toContain('Usage: tempered')
      }
    }))

  it.each([
    [['nonsense'], 2],
    [['demo', '--rounds', 'many'], 2],
    [['cluster', 'run', 'missing.yaml'], 2],
    [['cluster', 'run', '--rule', 'balanse'], 2],
    [['node', 'start', '--config', 'missing.yaml'], 2],
    [['node', 'id', 'missing'], 4],
    [['ledger', 'verify', 'missing'], 2],
  ])('%j ends with code %i and says why on stderr', (args, code) =>
    inTemporaryFolder(async (folder) => {
      const run = await runCli(args, folder)
      expect(run.code).toBe(code)
      expect(run.stderr).toContain('error')
      expect(run.stdout).toBe('')
      expect(run.stderr).not.toContain('    at ')
    }),
  )

  it.each([
    [['model', 'exprt', '--help'], 'tempered model export'],
    [['ledgr', '--help'], 'tempered ledger'],
    [['ledger', 'verfy', '--help'], 'tempered ledger verify'],
    [['help', 'scenarios'], 'tempered scenario'],
  ])('%j is an error that names the nearest command', (args, near) =>
    inTemporaryFolder(async (folder) => {
      const run = await callCli(args, folder)
      expect(run.code).toBe(2)
      expect(run.stdout).toBe('')
      expect(run.stderr).toContain('unknown command')
      expect(run.stderr).toContain(near)
    }),
  )

  it.each([
    [['ledger', 'verify', 'gone'], /E_FILE: gone: there is no such file or folder; name a state folder/],
    [['ledger', 'verify', '.'], /E_FILE: \.: this folder and those below it hold no ledger\.car/],
    [['ledger', 'check', 'gone'], /E_FILE: gone: there is no such file or folder; check the path \(ENOENT/],
    [['manifest', 'show', 'gone'], /E_FILE: gone: there is no such file; check the path/],
    [['manifest', 'show', '.'], /E_FILE: \.: this is a folder; name a file/],
    [['scenario', 'list', 'gone'], /E_FILE: gone: there is no such file or folder/],
    [['scenario', 'node', '--config', 'gone'], /E_FILE: --config gone: there is no such file or folder/],
    [['report', '.'], /E_FILE: \.: contains no run.*runs\/<name>-<date>/],
    [
      ['node', 'init', 'a', '--manifest', '.'],
      /E_USAGE: --manifest \.: this is a folder; name a manifest file/,
    ],
  ])('%j says what is missing and what to name', (args, text) =>
    inTemporaryFolder(async (folder) => {
      expect(await callCli(args, folder)).toMatchObject({ code: 2, stderr: expect.stringMatching(text) })
    }),
  )

  it.each([
    ['example.org:4001', '/dns4/example.org/tcp/4001'],
    ['192.0.2.7:99', '/ip4/192.0.2.7/tcp/99'],
    ['[::1]:4001', '/ip6/::1/tcp/4001'],
    ['http://host/', '/dns4/host/tcp/4001'],
    ['what is this', '/ip4/192.0.2.7/tcp/4001'],
  ])('names the option with an invalid address, and a valid one made of it: %s', (address, example) =>
    inTemporaryFolder(async (folder) => {
      const run = await callCli(['node', 'init', 'a', '--bootstrap', address], folder)
      expect(run.code).toBe(2)
      expect(run.stderr).toContain('--bootstrap')
      expect(run.stderr).toContain(example)
      expect(run.stderr).toContain('(see tempered node init --help)')
    }),
  )

  it('new without a kind or a name lists the kinds', () =>
    inTemporaryFolder(async (folder) => {
      const run = await callCli(['new'], folder)
      expect(run.code).toBe(2)
      for (const kind of ['rule', 'pre-aggregator', 'attack', 'topology', 'measure', 'scenario', 'lab'])
        expect(run.stderr).toMatch(new RegExp(`^ {2}${kind} +\\w`, 'm'))
      expect((await callCli(['new', 'rule'], folder)).stderr).toContain('tempered new rule my-rule')
    }))

  it('writes no file where it cannot, and says what to do', () =>
    inTemporaryFolder(async (folder) => {
      await callCli(['node', 'init', 'a'], folder)
      const create = (out: string) =>
        callCli(['manifest', 'create', '--member', 'a', '--force', '--out', out], folder)
      for (const [out, remedy] of [
        ['a', 'name a file'],
        ['missing/x.json', 'check the path'],
      ] as const)
        expect(await create(out)).toMatchObject({
          code: 7,
          stderr: expect.stringMatching(new RegExp(`E_IO.*${remedy}`)),
        })
    }))

  it('ends quietly like other tools when nobody reads what it prints', () =>
    inTemporaryFolder(async (folder) => {
      const cli = startCli(['scenario', 'schema'], folder)
      cli.child.stdout!.destroy()
      expect(await cli.exit).toBe(141)
      expect(cli.stderr).toEqual([])
    }))

  it('shows the stack only with --debug', () =>
    inTemporaryFolder(async (folder) => {
      expect((await runCli(['--debug', 'node', 'id', 'missing'], folder)).stderr).toContain('    at ')
    }))
})

describe('tempered node init', () => {
  it('makes a secret key, a commented configuration and a schema, and writes over nothing', () =>
    inTemporaryFolder(async (folder) => {
      const made = await runCli(['node', 'init', 'alice', '--part', '0/2'], folder)
      expect(made.code).toBe(0)
      expect(made.stdout).toMatch(/^12D3Koo/)
      expect((await stat(join(folder, 'alice', 'identity.key'))).mode & 0o777).toBe(0o600)
      const key = await readFile(join(folder, 'alice', 'identity.key'))
      expect((await callCli(['node', 'init', 'alice'], folder)).code).toBe(2)
      expect(await readFile(join(folder, 'alice', 'identity.key'))).toEqual(key)
      expect((await callCli(['node', 'id', 'alice'], folder)).stdout).toBe(made.stdout)
    }))

  it('tells of a broken configuration with its place', () =>
    inTemporaryFolder(async (folder) => {
      await callCli(['node', 'init', 'alice'], folder)
      const path = join(folder, 'alice', 'node.yaml')
      await writeFile(path, (await readFile(path, 'utf8')).replace('backend: auto', 'bakend: auto'))
      const run = await runCli(['node', 'start', '--config', 'alice/node.yaml'], folder)
      expect(run.code).toBe(2)
      expect(run.stderr).toMatch(/alice\/node\.yaml:\d+:1: unknown key "bakend"; did you mean "backend"\?/)
    }))
})
