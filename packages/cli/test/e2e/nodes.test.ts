import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { full, sized } from '../../../../test-support/tier.js'
import { callCli } from '../support/call-cli.js'
import { configure, initNodes, listening, roundDone, setBootstrap, startNode } from '../support/node-pair.js'
import { inTemporaryFolder, parseJson, runCli } from '../support/run-cli.js'

describe('two nodes started by hand', () => {
  it('train together to the end, and both ledgers verify', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 4)
      const alice = startNode(folder, 'alice')
      await setBootstrap(folder, 'bob', await listening(alice))
      const bob = startNode(folder, 'bob')
      expect(await Promise.all([alice.exit, bob.exit])).toEqual([0, 0])
      const last = parseJson(bob.stdout.at(-1)!)
      expect(last?.round).toBe(4)
      const neighbours = last?.neighbours as { accepted: boolean }[]
      expect(neighbours.map((neighbour) => neighbour.accepted)).toEqual([true])
      const verified = await callCli(['ledger', 'verify', 'alice', 'bob'], folder)
      expect(verified.code).toBe(0)
      expect(verified.stdout.match(/: 4 entries/g)).toHaveLength(2)
      const shown = await callCli(['ledger', 'show', 'alice', '--round', '2'], folder)
      expect(shown.stdout).toContain('round 2/4')
      expect(shown.stdout).toContain('accepted')
    }))

  it.runIf(full)(
    'after a stop and a kill -9 in the middle, every round can be replayed with what the nodes kept',
    () =>
      inTemporaryFolder(async (folder) => {
        const rounds = 24
        await initNodes(folder, ['alice', 'bob'], rounds)
        for (const name of ['alice', 'bob'])
          await configure(folder, name, 'keepRounds: 4', `keepRounds: ${rounds}`)
        const alice = startNode(folder, 'alice')
        await setBootstrap(folder, 'bob', await listening(alice))
        for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
          const bob = startNode(folder, 'bob')
          await bob.line('stdout', (line) => (parseJson(line)?.round === undefined ? undefined : true))
          bob.child.kill(signal)
          await bob.exit
        }
        const bob = startNode(folder, 'bob')
        expect(await Promise.all([alice.exit, bob.exit])).toEqual([0, 0])
        const replayed = await callCli(['ledger', 'replay', 'alice', 'bob'], folder)
        expect(`${replayed.stdout}${replayed.stderr}`).not.toContain('cannot be checked')
        expect(replayed.code).toBe(0)
      }),
  )

  it.runIf(full)('after kill -9, the killed node goes on with the same chain', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 30)
      const alice = startNode(folder, 'alice')
      await setBootstrap(folder, 'bob', await listening(alice))
      const killed = startNode(folder, 'bob')
      await roundDone(killed, 4)
      killed.child.kill('SIGKILL')
      await killed.exit
      const ledger = join(folder, 'bob', 'state', 'ledger.car')
      const before = await readFile(ledger)

      const bob = startNode(folder, 'bob')
      expect(await Promise.all([alice.exit, bob.exit])).toEqual([0, 0])
      const after = await readFile(ledger)
      // A torn last append may have been set aside; everything that was complete is still there.
      const kept = before.subarray(0, Math.min(before.byteLength, after.byteLength))
      const firstDifference = kept.findIndex((byte, k) => byte !== after[k])
      expect(firstDifference === -1 || firstDifference > before.byteLength - 4096).toBe(true)
      const verified = await callCli(['ledger', 'verify', '--json', 'alice', 'bob'], folder)
      expect(verified.code).toBe(0)
      const entries = verified.stdout.split('\n').map((line) => parseJson(line)?.entries as number)
      expect(entries[0]).toBe(30)
      expect(entries[1]).toBeGreaterThan(5)
      const rounds = (await callCli(['ledger', 'show', 'bob', '--json'], folder)).stdout
        .split('\n')
        .map((line) => parseJson(line)?.round as number)
      expect(rounds.slice(0, 5)).toEqual([0, 1, 2, 3, 4])
      expect(rounds.at(-1)).toBe(29)
    }),
  )

  it('SIGINT, SIGTERM and SIGHUP stop a node cleanly, each with its exit code, and it can be started again', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 4)
      const signals = [
        ['SIGHUP', 129],
        ['SIGINT', 130],
        ['SIGTERM', 143],
      ] as const
      for (const [signal, code] of signals.slice(0, sized(1, 3))) {
        const alice = startNode(folder, 'alice')
        await listening(alice)
        alice.child.kill(signal)
        expect(await alice.exit).toBe(code)
      }
      expect((await callCli(['ledger', 'verify', 'alice'], folder)).code).toBe(0)
    }))

  it.runIf(full)('a node goes on when nobody reads its output any more', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 4)
      const alice = startNode(folder, 'alice')
      await setBootstrap(folder, 'bob', await listening(alice))
      alice.child.stderr!.destroy()
      const bob = startNode(folder, 'bob')
      await roundDone(alice, 0)
      alice.child.stdout!.destroy()
      expect(await Promise.all([alice.exit, bob.exit])).toEqual([0, 0])
      expect((await callCli(['ledger', 'verify', 'alice'], folder)).stdout).toContain('4 entries of 4 rounds')
    }),
  )

  it('a state folder in use is refused with exit code 5', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 4)
      const alice = startNode(folder, 'alice')
      await listening(alice)
      const second = await runCli(['node', 'start', '--config', 'alice/node.yaml'], folder)
      expect(second.code).toBe(5)
      expect(second.stderr).toContain('E_STATE_IN_USE')
      alice.child.kill('SIGINT')
      await alice.exit
    }))

  it.runIf(full)('a node with another manifest hears of it and is not admitted', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 4)
      const alice = startNode(folder, 'alice')
      await setBootstrap(folder, 'bob', await listening(alice))
      await callCli(
        [
          'manifest',
          'create',
          '--member',
          'alice',
          '--member',
          'bob',
          '--rounds',
          '9',
          '--out',
          'manifest.json',
          '--force',
        ],
        folder,
      )
      const bob = startNode(folder, 'bob')
      const told = await bob.line('stderr', (line) => (line.includes('E_WRONG_RUN') ? line : undefined))
      // Either may say hello first; the one that is greeted refuses, and the other one hears of it.
      const remedy = /start (with this run's|both with the same) manifest/
      expect(parseJson(told)?.msg).toMatch(remedy)
      const logged = await alice.line('stderr', (line) => (line.includes('E_WRONG_RUN') ? line : undefined))
      expect(parseJson(logged)?.msg).toMatch(remedy)
      for (const node of [alice, bob]) node.child.kill('SIGINT')
      expect(await Promise.all([alice.exit, bob.exit])).toEqual([130, 130])
      expect(alice.stdout).toEqual([])
      expect(bob.stdout).toEqual([])
    }),
  )

  it.runIf(full)('a member can take the manifest from a peer, and restarts without asking again', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 3)
      const alice = startNode(folder, 'alice')
      const address = await listening(alice)
      const listen = ['--listen', '/ip4/127.0.0.1/tcp/0']
      // A stranger is not given the manifest, and is told why at once.
      await callCli(['node', 'init', 'carol', ...listen, '--manifest-peer', address], folder)
      const carol = startNode(folder, 'carol')
      expect(await carol.exit).toBe(5)
      expect(carol.stderr.join('\n')).toContain('is not a member of the run')

      const path = join(folder, 'bob', 'node.yaml')
      const text = (await readFile(path, 'utf8'))
        .replace('bootstrap: []', `bootstrap: [${address}]`)
        .replace(/manifest:\n {2}file: .*/, `manifest:\n  peer: ${address}`)
      await writeFile(path, text)
      const bob = startNode(folder, 'bob')
      expect(await Promise.all([alice.exit, bob.exit])).toEqual([0, 0])
      // Alice is gone; the manifest is in the ledger.
      expect(await startNode(folder, 'bob').exit).toBe(0)
    }),
  )
})

describe('three nodes', () => {
  it.runIf(full)('two go on when one is killed, and the restarted one catches up with their round', () =>
    inTemporaryFolder(async (folder) => {
      const names = ['alice', 'bob', 'carol']
      for (const [k, name] of names.entries()) {
        const init = ['node', 'init', name, '--listen', '/ip4/127.0.0.1/tcp/0', '--part', `${k}/3`]
        expect((await runCli(init, folder)).code).toBe(0)
      }
      // Enough for the one that was killed to find the others still at work.
      const rounds = 300
      const members = names.flatMap((name) => ['--member', name])
      const settings = [
        '--model',
        'softmax',
        '--rule',
        'average',
        '--local-steps',
        '20',
        '--rounds',
        String(rounds),
      ]
      expect((await callCli(['manifest', 'create', ...members, ...settings], folder)).code).toBe(0)
      // A lost neighbour is given up at once, so that the others do not wait for it.
      const path = join(folder, 'manifest.json')
      const manifest = JSON.parse(await readFile(path, 'utf8')) as { deadlines: { reconnectMs: number } }
      manifest.deadlines.reconnectMs = 1
      await writeFile(path, JSON.stringify(manifest))

      const alice = startNode(folder, 'alice')
      const address = await listening(alice)
      for (const name of ['bob', 'carol']) await setBootstrap(folder, name, address)
      // Bob and Carol know only Alice and find each other through her.
      const bob = startNode(folder, 'bob')
      // Rounds are too quick to be interrupted from outside.
      const killed = startNode(folder, 'carol', { TEMPERED_FAILPOINT: 'entry.after-append:3' })
      await killed.exit
      await roundDone(alice, 8)
      const carol = startNode(folder, 'carol')
      expect(await Promise.all([alice.exit, bob.exit, carol.exit])).toEqual([0, 0, 0])

      const verified = await callCli(['ledger', 'verify', '--json', ...names], folder)
      expect(verified.code).toBe(0)
      const entries = verified.stdout.split('\n').map((line) => parseJson(line)?.entries as number)
      expect(entries.slice(0, 2)).toEqual([rounds, rounds])
      const worked = (await callCli(['ledger', 'show', 'carol', '--json'], folder)).stdout
        .split('\n')
        .map((line) => parseJson(line)?.round as number)
      expect(worked.slice(0, 3)).toEqual([0, 1, 2])
      expect(worked.at(-1)).toBe(rounds - 1)
      expect(worked.length).toBeLessThan(rounds)
      const reasons = (await callCli(['ledger', 'show', 'alice', '--json'], folder)).stdout
        .split('\n')
        .flatMap((line) =>
          (parseJson(line)!.neighbours as { reason: string }[]).map((neighbour) => neighbour.reason),
        )
      expect(reasons).toContain('down')
    }),
  )
})
