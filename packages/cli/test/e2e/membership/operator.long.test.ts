import { describe, expect, it, onTestFinished } from 'vitest'
import type { ChangesDocument } from '../../../src/membership/changes-document.js'
import type { StatusDocument } from '../../../src/operate/status-document.js'
import { callCli } from '../../support/call-cli.js'
import { namespacesMissing, openNamespaces } from '../../support/namespaces.js'
import { configure, initNodes, listening, roundDone } from '../../support/node-pair.js'
import { type CliProcess, inTemporaryFolder, parseJson } from '../../support/run-cli.js'

const missing = namespacesMissing()

const startArguments = (name: string): string[] => ['node', 'start', '--config', name, '--json']

/** A call that must succeed; its standard output. */
async function call(folder: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await callCli(args, folder)
  expect(code, `${args.join(' ')}: ${stderr}`).toBe(0)
  return stdout.trim()
}

const peerOf = (folder: string, name: string): Promise<string> => call(folder, 'node', 'id', name)

/** Resolves with the first round in which a node has accepted the model of a peer. */
const acceptsModelOf = (cli: CliProcess, peer: string): Promise<number> =>
  cli.line('stdout', (line) => {
    const report = parseJson(line) as
      | { round: number; neighbours?: readonly { peer: string; accepted: boolean }[] }
      | undefined
    return report?.neighbours?.some((one) => one.peer === peer && one.accepted) ? report.round : undefined
  })

/**
 * What an operator does with a run that goes on for long: three organisations, one behind a router; a fourth joins after 100
 * rounds, one leaves, one gets a new key, and nobody starts a node again.
 */
describe.skipIf(missing !== undefined)(
  `a run for weeks${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    it('goes on while members come, go and get new keys', () =>
      inTemporaryFolder(async (folder) => {
        const networks = openNamespaces()
        onTestFinished(() => networks.close())
        networks.outside('alice', 10)
        networks.outside('bob', 11)
        networks.behindRouter('carol', 12)
        networks.outside('dave', 13)
        const names = ['alice', 'bob', 'carol'] as const
        await initNodes(folder, names, 'open', ['--topology', 'complete'])
        const alice = await peerOf(folder, 'alice')
        const relay = `/ip4/45.0.0.10/tcp/4001/p2p/${alice}`
        for (const name of names) {
          await configure(folder, name, /listen:\n {2}- .*\n/, 'listen: [/ip4/0.0.0.0/tcp/4001]\n')
          if (name !== 'alice') await configure(folder, name, 'bootstrap: []\n', `bootstrap: [${relay}]\n`)
          const network = { alice: '{ relay: { serve: true } }', bob: '{}', carol: `{ relays: [${relay}] }` }[
            name
          ]
          await configure(folder, name, 'data:', `network: ${network}\ndata:`)
        }
        const start = (name: string): CliProcess => networks.start(name, startArguments(name), folder)
        const nodes = { alice: start('alice'), bob: start('bob'), carol: start('carol') }
        await Promise.all(Object.values(nodes).map(listening))
        await roundDone(nodes.alice, 99)

        // A fourth organisation joins: alice invites, the others sign.
        const invitation = await call(folder, 'member', 'invite', '--config', 'alice')
        const joining = networks.start(
          'dave',
          ['member', 'join', invitation, '--folder', 'dave', '--listen', '/ip4/0.0.0.0/tcp/4001'],
          folder,
        )
        await joining.line('stderr', (line) => (line.includes('not decided yet') ? true : undefined))
        const dave = await peerOf(folder, 'dave')
        const waiting = async (name: string): Promise<string> => {
          const list = JSON.parse(
            await call(folder, 'member', 'list', '--config', name, '--json'),
          ) as ChangesDocument
          expect(list.pending.map(({ what }) => what)).toEqual([{ kind: 'add', member: dave }])
          return list.pending[0]!.change
        }
        expect(await call(folder, 'member', 'approve', await waiting('bob'), '--config', 'bob')).toContain(
          '2 of 3',
        )
        const last = await call(
          folder,
          'member',
          'approve',
          (await waiting('carol')).slice(-8),
          '--config',
          'carol',
        )
        expect(last).toContain('decided')
        expect(await joining.exit).toBe(0)
        const fourth = start('dave')
        const carol = await peerOf(folder, 'carol')
        await acceptsModelOf(nodes.carol, dave)
        // Carol is behind a router, and dave has never met her.
        await acceptsModelOf(fourth, carol)

        // Bob leaves: his word is enough, and his node ends by itself.
        const bob = await peerOf(folder, 'bob')
        expect(await call(folder, 'member', 'leave', '--config', 'bob')).toContain('decided')
        expect(await nodes.bob.exit).toBe(0)

        // Carol gets a new key; her node goes over to it.
        await call(folder, 'member', 'rotate', '--config', 'carol')
        await nodes.carol.line('stderr', (line) =>
          line.includes('goes on with its new key') ? true : undefined,
        )
        const renewed = await peerOf(folder, 'carol')
        expect(renewed).not.toBe(carol)
        await Promise.all([acceptsModelOf(nodes.alice, renewed), acceptsModelOf(fourth, renewed)])

        const status = JSON.parse(await call(folder, 'status', 'carol', '--json')) as StatusDocument
        expect(status).toMatchObject({ peer: renewed, members: 3 })
        const list = JSON.parse(
          await call(folder, 'member', 'list', '--config', 'alice', '--json'),
        ) as ChangesDocument
        expect([...list.members].sort()).toEqual([alice, dave, renewed].sort())
        expect([...list.former].sort()).toEqual([bob, carol].sort())

        await networks.end()
        expect(await Promise.all([nodes.alice.exit, nodes.carol.exit, fourth.exit])).toEqual([143, 143, 143])
        // Carol has two: one for each of her keys.
        const verified = await call(folder, 'ledger', 'verify', 'alice', 'bob', 'carol', 'dave')
        expect(verified.match(/^ok /gm)).toHaveLength(5)
      }))
  },
)
