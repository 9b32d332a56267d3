import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ChangesDocument } from '../../../src/membership/changes-document.js'
import { callCli } from '../../support/call-cli.js'
import { initNodes, listening, roundDone, setBootstrap, startNode } from '../../support/node-pair.js'
import { inTemporaryFolder, runCli } from '../../support/run-cli.js'

describe('a run with an owner who runs no node', () => {
  it('is extended by the owner alone; members have no say, nor has anybody else', () =>
    inTemporaryFolder(async (folder) => {
      await callCli(['node', 'init', 'owner', '--listen', '/ip4/127.0.0.1/tcp/0'], folder)
      await callCli(['node', 'init', 'stranger', '--listen', '/ip4/127.0.0.1/tcp/0'], folder)
      const owner = (await callCli(['node', 'id', 'owner'], folder)).stdout
      await initNodes(folder, ['alice', 'bob'], 60, ['--owner', owner])
      const alice = startNode(folder, 'alice')
      const address = await listening(alice)
      // She waits for bob, who is started when the owner is done.
      const as = (who: string, ...args: string[]) =>
        runCli(
          [...args, '--to', address, '--key', join(who, 'identity.key'), '--manifest', 'manifest.json'],
          folder,
        )
      const byMember = await callCli(['run', 'extend', '--rounds', '99', '--config', 'alice'], folder)
      expect(byMember).toMatchObject({ code: 2, stderr: expect.stringContaining('E_CHANGE') })
      expect(await as('stranger', 'run', 'extend', '--rounds', '99')).toMatchObject({
        code: 5,
        stderr: expect.stringContaining('E_REFUSED'),
      })
      const extended = await as('owner', 'run', 'extend', '--rounds', '63', '--json')
      expect(extended).toMatchObject({ code: 0 })
      expect(JSON.parse(extended.stdout)).toMatchObject({ isDecided: true, signedBy: [owner] })
      const list = JSON.parse((await as('owner', 'member', 'list', '--json')).stdout) as ChangesDocument
      expect(list).toMatchObject({ decides: 'owners', decided: [{ what: { kind: 'rounds', rounds: 63 } }] })
      await setBootstrap(folder, 'bob', address)
      const bob = startNode(folder, 'bob')
      await Promise.all([alice, bob].map((cli) => roundDone(cli, 62)))
      expect(await Promise.all([alice.exit, bob.exit])).toEqual([0, 0])
      const verified = await callCli(['ledger', 'verify', 'alice', 'bob'], folder)
      expect(verified.stdout.match(/: 63 entries of 63 rounds/g)).toHaveLength(2)
    }))
})
