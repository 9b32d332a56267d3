import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { StatusDocument } from '../../../src/operate/status-document.js'
import { callCli } from '../../support/call-cli.js'
import { type Namespaces, namespacesMissing, openNamespaces } from '../../support/namespaces.js'
import { configure, initNodes, listening, roundDone } from '../../support/node-pair.js'
import { type CliProcess, inTemporaryFolder, parseJson } from '../../support/run-cli.js'

const missing = namespacesMissing()
const ROUNDS = 12
const PROXY = fileURLToPath(new URL('../../support/tls-proxy.mjs', import.meta.url))

const startArguments = (name: string): string[] => [
  'node',
  'start',
  '--config',
  join(name, 'node.yaml'),
  '--json',
]

const peerOf = async (folder: string, name: string): Promise<string> =>
  (await callCli(['node', 'id', name], folder)).stdout.trim()

const statusOf = async (folder: string, name: string): Promise<StatusDocument> =>
  JSON.parse((await callCli(['status', name, '--json'], folder)).stdout) as StatusDocument

/** Node folders; `settings` are the lines of node.yaml that matter here. */
async function makeNodes(
  folder: string,
  settings: Readonly<Record<string, (peer: Readonly<Record<string, string>>) => Record<string, string>>>,
  more: readonly string[] = [],
): Promise<void> {
  const names = Object.keys(settings)
  await initNodes(folder, names, ROUNDS, more)
  const peers: Record<string, string> = {}
  for (const name of names) peers[name] = await peerOf(folder, name)
  for (const name of names) {
    const lines = { listen: '[/ip4/0.0.0.0/tcp/4001]', ...settings[name]!(peers) }
    await configure(folder, name, /listen:\n {2}- .*\n/, '')
    for (const key of Object.keys(lines).filter((one) => one === 'announce' || one === 'bootstrap'))
      await configure(folder, name, `${key}: []\n`, '')
    const text = Object.entries(lines).map(([key, value]) => `${key}: ${value}`)
    await configure(folder, name, 'data:', `${text.join('\n')}\ndata:`)
  }
}

/** All rounds are done, every model of a neighbour was accepted, and the ledgers verify. */
async function expectWhole(folder: string, nodes: Readonly<Record<string, CliProcess>>): Promise<void> {
  const names = Object.keys(nodes)
  expect(await Promise.all(Object.values(nodes).map(({ exit }) => exit))).toEqual(names.map(() => 0))
  for (const { stdout } of Object.values(nodes)) {
    const rounds = stdout.flatMap((line) => (parseJson(line)?.neighbours ?? []) as { accepted: boolean }[])
    expect(rounds).toHaveLength((names.length - 1) * ROUNDS)
    expect(rounds.every(({ accepted }) => accepted)).toBe(true)
  }
  const verified = await callCli(['ledger', 'verify', ...names], folder)
  expect(verified.code).toBe(0)
  expect(verified.stdout.match(new RegExp(`: ${ROUNDS} entries`, 'g'))).toHaveLength(names.length)
}

/** Runs a test in namespaces, which are gone afterwards. */
const inNetworks = (test: (networks: Namespaces, folder: string) => Promise<void>) => () =>
  inTemporaryFolder(async (folder) => {
    const networks = openNamespaces()
    // Also when the test takes too long.
    onTestFinished(() => networks.close())
    await test(networks, folder)
    await networks.end()
  })

async function startAll<N extends string>(networks: Namespaces, folder: string, names: readonly N[]) {
  const nodes = Object.fromEntries(
    names.map((name) => [name, networks.start(name, startArguments(name), folder)]),
  ) as Record<N, CliProcess>
  await Promise.all(Object.values<CliProcess>(nodes).map(listening))
  return nodes
}

/** The relays of a node's connections with a peer; null for direct ones. */
async function relaysBetween(folder: string, name: string, peer: string): Promise<(string | null)[]> {
  const { connections } = await statusOf(folder, name)
  return connections.filter((one) => one.peer === peer).map(({ relay }) => relay)
}

describe.skipIf(missing !== undefined)(`not flat${missing === undefined ? '' : ` (${missing})`}`, () => {
  it(
    'two nodes behind two routers train through a relay that is a member',
    inNetworks(async (networks, folder) => {
      networks.outside('relay', 10)
      networks.behindRouter('alice', 11)
      networks.behindRouter('bob', 12)
      const at = ({ relay }: Readonly<Record<string, string>>) => `/ip4/45.0.0.10/tcp/4001/p2p/${relay}`
      const behind = (peers: Readonly<Record<string, string>>) => ({
        bootstrap: `[${at(peers)}]`,
        network: `{ relays: [${at(peers)}], checkReachable: true }`,
      })
      await makeNodes(folder, {
        relay: () => ({ network: '{ relay: { serve: true }, checkReachable: true }' }),
        alice: behind,
        bob: behind,
      })
      const nodes = await startAll(networks, folder, ['relay', 'alice', 'bob'])
      await roundDone(nodes.alice, 2)
      const relay = await peerOf(folder, 'relay')
      expect(await relaysBetween(folder, 'alice', await peerOf(folder, 'bob'))).toEqual([relay])
      expect(await relaysBetween(folder, 'alice', relay)).toEqual([null])
      expect((await callCli(['status', 'alice'], folder)).stdout).toContain('through the relay')
      await expectWhole(folder, nodes)
    }),
  )

  it(
    'two nodes behind two routers train through a relay that is no member, and that restarts in the middle',
    inNetworks(async (networks, folder) => {
      networks.outside('relay', 10)
      networks.behindRouter('alice', 11)
      networks.behindRouter('bob', 12)
      const relay = async () => {
        const args = ['relay', '--manifest', 'manifest.json', '--listen', '/ip4/45.0.0.10/tcp/4001']
        const cli = networks.start('relay', args, folder)
        return { cli, address: await cli.line('stdout', (line) => line) }
      }
      await makeNodes(folder, { alice: () => ({}), bob: () => ({}) }, ['--collect-ms', '60000'])
      const first = await relay()
      for (const [name, other] of [
        ['alice', 'bob'],
        ['bob', 'alice'],
      ] as const) {
        const bootstrap = `${first.address}/p2p-circuit/p2p/${await peerOf(folder, other)}`
        await configure(folder, name, 'data:', `network: { relays: [${first.address}] }\ndata:`)
        await configure(folder, name, 'bootstrap: []', `bootstrap: [${bootstrap}]`)
      }
      const nodes = await startAll(networks, folder, ['alice', 'bob'])
      await roundDone(nodes.alice, 2)
      first.cli.child.kill('SIGTERM')
      await first.cli.exit
      await pause(500)
      expect((await relay()).address).toBe(first.address)
      await expectWhole(folder, nodes)
    }),
  )

  it(
    'a node behind a router that forwards a port is reached directly',
    inNetworks(async (networks, folder) => {
      networks.behindRouter('alice', 11)
      networks.behindRouter('bob', 12)
      networks.forward('alice', 4001)
      await makeNodes(
        folder,
        {
          alice: () => ({ announce: '[/ip4/45.0.0.11/tcp/4001]' }),
          bob: ({ alice }) => ({
            bootstrap: `[/ip4/45.0.0.11/tcp/4001/p2p/${alice}]`,
          }),
        },
        [],
      )
      const nodes = await startAll(networks, folder, ['alice', 'bob'])
      await roundDone(nodes.bob, 2)
      expect(await relaysBetween(folder, 'bob', await peerOf(folder, 'alice'))).toEqual([null])
      await expectWhole(folder, nodes)
    }),
  )

  it(
    'status and doctor tell whether others reach a node, as the others say',
    inNetworks(async (networks, folder) => {
      networks.outside('alice', 10)
      networks.behindRouter('bob', 11)
      const network = '{ checkReachable: true }'
      await makeNodes(folder, {
        alice: () => ({ network }),
        bob: ({ alice }) => ({ network, bootstrap: `[/ip4/45.0.0.10/tcp/4001/p2p/${alice}]` }),
      })
      for (const name of ['alice', 'bob']) networks.start(name, [...startArguments(name), '--stay'], folder)
      for (const [name, expected] of [
        ['alice', { reachedBy: 1, notReachedBy: 0 }],
        ['bob', { reachedBy: 0, notReachedBy: 1 }],
      ] as const) {
        const told = async () => (await statusOf(folder, name).catch(() => undefined))?.reachability
        await vi.waitFor(async () => expect(await told()).toEqual(expected), {
          timeout: 60_000,
          interval: 1_000,
        })
        const verdict = name === 'alice' ? 'yes' : 'no'
        const text = `from outside: ${verdict}, as 1 of 1 member says`
        expect((await callCli(['status', name], folder)).stdout).toContain(text)
        expect((await callCli(['doctor', name], folder)).stdout).toContain(text)
      }
    }),
  )

  it(
    'nodes find one another over IPv6',
    inNetworks(async (networks, folder) => {
      networks.outside('alice', 10)
      networks.outside('bob', 11)
      await makeNodes(folder, {
        alice: () => ({ listen: '[/ip6/::/tcp/4001]' }),
        bob: ({ alice }) => ({
          listen: '[/ip6/::/tcp/4001]',
          bootstrap: `[/ip6/fd45::10/tcp/4001/p2p/${alice}]`,
        }),
      })
      const nodes = await startAll(networks, folder, ['alice', 'bob'])
      await roundDone(nodes.bob, 1)
      const { connections } = await statusOf(folder, 'bob')
      expect(connections.every(({ address }) => address.startsWith('/ip6/fd45::10/'))).toBe(true)
      await expectWhole(folder, nodes)
    }),
  )

  it(
    'a node behind a proxy with TLS is reached by WebSockets, under its name',
    inNetworks(async (networks, folder) => {
      networks.outside('alice', 10)
      networks.behindRouter('bob', 11)
      networks.hosts('bob', '45.0.0.10 alice.example')
      const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
      execFileSync(
        'openssl',
        `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=alice.example -addext subjectAltName=DNS:alice.example -keyout ${key} -out ${certificate}`.split(
          ' ',
        ),
        { stdio: 'ignore' },
      )
      const proxy = networks.script('alice', [PROXY, '443', '4001', key, certificate], folder)
      await proxy.line('stdout', (line) => (line === 'ready' ? true : undefined))
      await makeNodes(folder, {
        alice: () => ({
          listen: '[/ip4/127.0.0.1/tcp/4001/ws]',
          announce: '[/dns4/alice.example/tcp/443/wss]',
        }),
        bob: ({ alice }) => ({ bootstrap: `[/dns4/alice.example/tcp/443/wss/p2p/${alice}]` }),
      })
      const alice = networks.start('alice', startArguments('alice'), folder)
      await listening(alice)
      const bob = networks.start('bob', startArguments('bob'), folder, { NODE_EXTRA_CA_CERTS: certificate })
      await roundDone(bob, 1)
      const { connections } = await statusOf(folder, 'bob')
      expect(connections.every(({ address }) => /\/(wss|tls\/ws|tls\/sni)/.test(address))).toBe(true)
      await expectWhole(folder, { alice, bob })
    }),
  )
})
