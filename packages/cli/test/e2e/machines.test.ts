import { spawnSync } from 'node:child_process'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { full } from '../../../../test-support/tier.js'
import { callCli } from '../support/call-cli.js'
import { freePorts } from '../support/free-ports.js'
import { entriesOf } from '../support/recorded-run.js'
import { inTemporaryFolder, MAIN, parseJson, runCli, startProcess } from '../support/run-cli.js'

/** Two honest nodes and one that attacks, in which no deadline passes however slow the machine is. */
const SCENARIO = `
name: small
seed: 3
nodes: 3
topology: { name: complete }
data: { split: { kind: by-clique, groups: [[0], [1, 2]] } }
model: softmax
training: { rounds: 4, localSteps: 3 }
rule: { name: average }
adversaries: [ { nodes: [2], attack: { name: sign-flip-model }, from: 2, to: 3 } ]
evaluation: { samples: 50 }
deadlines: { joinMs: 1000000, collectMs: 1000000, dialMs: 300000, firstByteMs: 300000, transferMs: 600000, reconnectMs: 300000 }
controls: { honest: false, undefended: false, baseline: false }
`
const HOSTS = ['node-00', 'node-01', 'node-02']

/** CIDs of the aggregates of each round, by node. */
async function aggregates(ledgerOf: (host: string) => string): Promise<string[][]> {
  return Promise.all(
    HOSTS.map(async (host) => (await entriesOf(ledgerOf(host))).map(({ body }) => body.aggregate.toString())),
  )
}

describe('tempered scenario run --stage hosts', () => {
  it.runIf(full)(
    'hosts started by their start.sh find each other and give the bits of a local cluster, attack and all',
    () =>
      inTemporaryFolder(async (folder) => {
        await writeFile(join(folder, 's.yaml'), SCENARIO)
        const command = join(folder, 'tempered')
        await writeFile(command, `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`)
        await chmod(command, 0o755)
        const [first, second, third] = await freePorts(3)
        const addresses = [`0=localhost:${first}`, `node-01=localhost:${second}`, `2=127.0.0.1:${third}`]
        const given = addresses.flatMap((address) => ['--address', address])
        const made = await callCli(
          ['scenario', 'run', 's.yaml', '--stage', 'hosts', ...given, '--json'],
          folder,
        )
        expect(made.code, made.stderr).toBe(0)
        expect(parseJson(made.stdout)).toMatchObject({ folder: 'runs/small-hosts', hosts: HOSTS })
        expect(await readdir(join(folder, 'runs', 'small-hosts'))).not.toContain('compose.yaml')

        const started = HOSTS.map((host) =>
          startProcess('sh', [join('runs', 'small-hosts', 'hosts', host, 'start.sh')], folder, {
            TEMPERED: './tempered',
          }),
        )
        // The link between the first two has nothing but DNS names.
        const codes = await Promise.all(started.map((host) => host.exit))
        expect(codes, started.flatMap(({ stderr }) => stderr).join('\n')).toEqual([0, 0, 0])
        const verified = await callCli(['ledger', 'verify', 'runs/small-hosts/hosts'], folder)
        expect(verified.code, verified.stderr).toBe(0)
        expect(verified.stdout.match(/: 4 entries/g)).toHaveLength(3)

        const cluster = await runCli(['cluster', 'run', 's.yaml', '--out', 'local'], folder)
        expect(cluster.code, cluster.stderr).toBe(0)
        const [name] = await readdir(join(folder, 'local'))
        const there = await aggregates((host) =>
          join(folder, 'runs/small-hosts/hosts', host, 'state/ledger.car'),
        )
        expect(there).toEqual(
          await aggregates((host) => join(folder, 'local', name!, 'nodes', host, 'ledger.car')),
        )
      }),
  )

  it('writes a whole folder, and none over another unless told', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 's.yaml'), SCENARIO)
      const emit = (...more: string[]) =>
        callCli(['scenario', 'run', 's.yaml', '--stage', 'hosts', ...more], folder)
      const made = await emit()
      expect(made.code, made.stderr).toBe(0)
      expect(made.stderr).toContain('keys are derived from the seed')
      const hosts = join(folder, 'runs', 'small-hosts')
      expect((await readdir(hosts)).sort()).toEqual([
        'README.md',
        'compose.yaml',
        'hosts',
        'kubernetes.yaml',
        'manifest.json',
        'scenario.yaml',
      ])
      expect((await readdir(join(hosts, 'hosts', 'node-02'))).sort()).toEqual([
        'attack.yaml',
        'identity.key',
        'manifest.json',
        'node.yaml',
        'start.sh',
      ])
      for (const secret of ['hosts/node-00/identity.key', 'kubernetes.yaml'])
        expect((await stat(join(hosts, secret))).mode & 0o777).toBe(0o600)
      expect(await readdir(join(folder, 'runs'))).toEqual(['small-hosts'])

      const valid = await callCli(['scenario', 'validate', 'runs/small-hosts/scenario.yaml'], folder)
      expect(valid.code, valid.stderr).toBe(0)

      const again = await emit()
      expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('--force')])
      const members = async () =>
        (JSON.parse(await readFile(join(hosts, 'manifest.json'), 'utf8')) as { members: string[] }).members
      const before = await members()
      const fresh = await emit('--force', '--fresh-keys')
      expect(fresh.code, fresh.stderr).toBe(0)
      const after = await members()
      expect(after.filter((member) => before.includes(member))).toEqual([])
      const id = await callCli(['node', 'id', 'runs/small-hosts/hosts/node-01'], folder)
      expect(id.stdout).toBe(after[1])
      expect(await readdir(join(folder, 'runs'))).toEqual(['small-hosts'])
    }))

  it('says what is wrong: attackers that must see others, flags of another stage, a foreign folder, no command', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 's.yaml'), SCENARIO.replace('sign-flip-model', 'ipm'))
      const run = (...more: string[]) => callCli(['scenario', 'run', 's.yaml', ...more], folder)
      const seeing = await run('--stage', 'hosts')
      expect(seeing.code).toBe(2)
      expect(seeing.stderr).toContain('E_CONFIG: node-02 (ipm, sees all): ')
      expect(seeing.stderr).toContain('--stage cluster or --stage simulate')
      expect(await readdir(folder)).toEqual(['s.yaml'])
      const flag = await run('--fresh-keys')
      expect([flag.code, flag.stderr]).toEqual([
        2,
        expect.stringContaining('--fresh-keys is for --stage hosts'),
      ])

      await writeFile(join(folder, 's.yaml'), SCENARIO)
      await writeFile(join(folder, 'small-hosts'), 'something else')
      const foreign = await run('--stage', 'hosts', '--out', '.', '--force')
      expect([foreign.code, foreign.stderr]).toEqual([2, expect.stringContaining('is not a hosts folder')])

      expect((await run('--stage', 'hosts')).code).toBe(0)
      const start = join(folder, 'runs/small-hosts/hosts/node-00/start.sh')
      const lost = spawnSync('/bin/sh', [start], { env: { PATH: '/usr/bin:/bin', TEMPERED: '/no/tempered' } })
      expect([lost.status, lost.stderr.toString()]).toEqual([127, expect.stringContaining('set TEMPERED')])
      const honest = await runCli(['scenario', 'node', '--config', 'runs/small-hosts/hosts/node-00'], folder)
      expect([honest.code, honest.stderr]).toEqual([2, expect.stringContaining('attack.yaml')])
    }))
})
