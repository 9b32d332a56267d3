import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callCli } from '../../support/call-cli.js'
import { namespacesMissing, openNamespaces } from '../../support/namespaces.js'
import { configure, initNodes, listening, roundDone } from '../../support/node-pair.js'
import { inTemporaryFolder, parseJson } from '../../support/run-cli.js'

const missing = namespacesMissing()
const HOSTS = { alice: 10, bob: 11, carol: 12 } as const
const NAMES = Object.keys(HOSTS) as (keyof typeof HOSTS)[]

/** How many of the packets that come in are lost; the kernel sends them again. */
const lose = (percent: number): string[] => [
  'add table ip loss',
  'add chain ip loss input { type filter hook input priority 0 ; }',
  `add rule ip loss input iifname wan numgen random mod 100 < ${percent} drop`,
]
/** What comes in above so many kilobytes a second is lost, which makes a slow link. */
const slow = (kilobytes: number): string[] => [
  'add table ip slow',
  'add chain ip slow input { type filter hook input priority 0 ; }',
  `add rule ip slow input iifname wan limit rate over ${kilobytes} kbytes/second burst 64 kbytes drop`,
]

describe.skipIf(missing !== undefined)(`three hosts${missing === undefined ? '' : ` (${missing})`}`, () => {
  it('go on over links that lose packets one way, are slow the other way, and are cut and mended', () =>
    inTemporaryFolder(async (folder) => {
      const networks = openNamespaces()
      // Also when the test takes too long.
      onTestFinished(() => networks.close())
      for (const name of NAMES) networks.outside(name, HOSTS[name])
      await initNodes(folder, NAMES, 100_000, ['--join-ms', '86400000', '--collect-ms', '10000'])
      const alice = (await callCli(['node', 'id', 'alice'], folder)).stdout.trim()
      for (const name of NAMES) {
        await configure(folder, name, /listen:\n {2}- .*\n/, 'listen: [/ip4/0.0.0.0/tcp/4001]\n')
        if (name !== 'alice')
          await configure(folder, name, 'bootstrap: []', `bootstrap: [/ip4/45.0.0.10/tcp/4001/p2p/${alice}]`)
      }
      // Bob hears badly, carol hears slowly; what they send goes through.
      for (const rule of lose(10)) networks.run('bob', `nft ${rule}`)
      for (const rule of slow(200)) networks.run('carol', `nft ${rule}`)
      const start = (name: string) =>
        networks.start(name, ['node', 'start', '--config', join(name, 'node.yaml'), '--json'], folder)
      const nodes = { alice: start('alice'), bob: start('bob'), carol: start('carol') }
      await Promise.all(Object.values(nodes).map(listening))
      await Promise.all(Object.values(nodes).map((node) => roundDone(node, 3)))

      // Neither side is told that the other one has gone.
      networks.run('carol', 'ip link set wan down')
      const apart = nodes.alice.stdout.length
      const absent = (line: string): number =>
        ((parseJson(line)?.neighbours ?? []) as { arrival: number | null }[]).filter(
          ({ arrival }) => arrival === null,
        ).length
      await nodes.alice.line('stdout', (line) => (absent(line) === 1 ? true : undefined))
      networks.run('carol', 'ip link set wan up')
      const together = nodes.carol.stdout.length
      let seen = 0
      await nodes.carol.line('stdout', (line) => {
        seen += 1
        return seen > together && absent(line) === 0 ? true : undefined
      })
      expect(apart).toBeGreaterThan(0)
      for (const node of Object.values(nodes)) node.child.kill('SIGTERM')
      await networks.end()
      const lost = networks.run('bob', 'nft list table ip loss')
      expect(lost).toContain('drop')
      const verified = await callCli(['ledger', 'verify', ...NAMES], folder)
      expect(verified.code, verified.stdout).toBe(0)
      const compared = await callCli(['ledger', 'diff', 'alice', 'bob'], folder)
      expect(compared.stderr).not.toContain('E_CONTRADICTION')
    }))
})
