import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { StatusDocument } from '../../../src/operate/status-document.js'
import { callCli } from '../../support/call-cli.js'
import { namespacesMissing, openNamespaces } from '../../support/namespaces.js'
import { configure, initNodes, listening, roundDone } from '../../support/node-pair.js'
import { type CliProcess, inTemporaryFolder, parseJson } from '../../support/run-cli.js'

const missing = namespacesMissing()
const ROUNDS = 12
const start = (name: string): string[] => ['node', 'start', '--config', join(name, 'node.yaml'), '--json']

const peerOf = async (folder: string, name: string): Promise<string> =>
  (await callCli(['node', 'id', name], folder)).stdout.trim()

const statusOf = async (folder: string, name: string): Promise<StatusDocument> =>
  JSON.parse((await callCli(['status', name, '--json'], folder)).stdout) as StatusDocument

/** Verdicts of a node on its neighbours, round by round. */
const accepted = ({ stdout }: CliProcess): boolean[] =>
  stdout.flatMap((line) =>
    ((parseJson(line)?.neighbours ?? []) as { accepted: boolean }[]).map((one) => one.accepted),
  )

async function verifyAll(folder: string, names: readonly string[]): Promise<void> {
  const verified = await callCli(['ledger', 'verify', ...names], folder)
  expect(verified.stderr).toBe('')
  expect(verified.code).toBe(0)
  expect(verified.stdout.match(new RegExp(`: ${ROUNDS} entries`, 'g'))).toHaveLength(names.length)
}

describe.skipIf(missing !== undefined)(
  `networks that are not flat${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    it('two nodes behind two routers train through a relay that is a member', () =>
      inTemporaryFolder(async (folder) => {
        const networks = openNamespaces()
        try {
          networks.outside('relay', 10)
          networks.behindRouter('alice', 11)
          networks.behindRouter('bob', 12)
          const names = ['relay', 'alice', 'bob']
          await initNodes(folder, names, ROUNDS)
          const relay = `/ip4/45.0.0.10/tcp/4001/p2p/${await peerOf(folder, 'relay')}`
          for (const name of names)
            await configure(folder, name, '/ip4/127.0.0.1/tcp/0', '/ip4/0.0.0.0/tcp/4001')
          await configure(folder, 'relay', 'data:', 'network: { relay: { serve: true } }\ndata:')
          for (const name of ['alice', 'bob']) {
            await configure(folder, name, 'data:', `network: { relays: [${relay}] }\ndata:`)
            await configure(folder, name, 'bootstrap: []', `bootstrap: [${relay}]`)
          }
          const nodes = names.map((name) => networks.start(name, start(name), folder))
          await Promise.all(nodes.map(listening))
          const [, alice, bob] = nodes as [CliProcess, CliProcess, CliProcess]
          await roundDone(alice, 2)
          const bobId = await peerOf(folder, 'bob')
          const between = (await statusOf(folder, 'alice')).connections.filter(({ peer }) => peer === bobId)
          expect(between.map(({ relay: by, admitted }) => [by, admitted])).toEqual([
            [await peerOf(folder, 'relay'), true],
          ])
          const text = (await callCli(['status', 'alice'], folder)).stdout
          expect(text).toContain('through the relay')
          expect(await Promise.all(nodes.map(({ exit }) => exit))).toEqual([0, 0, 0])
          for (const node of [alice, bob]) {
            const verdicts = accepted(node)
            expect(verdicts).toHaveLength(2 * ROUNDS)
            expect(verdicts.every(Boolean)).toBe(true)
          }
          await verifyAll(folder, names)
        } finally {
          await networks.close()
        }
      }))
  },
)
