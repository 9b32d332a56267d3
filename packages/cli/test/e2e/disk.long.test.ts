import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, statSync, truncateSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { EXIT } from '../../src/exit-codes.js'
import { callCli } from '../support/call-cli.js'
import { initNodes, listening, roundDone, setBootstrap, startNode } from '../support/node-pair.js'
import { type CliProcess, inTemporaryFolder } from '../support/run-cli.js'

/** Why no file system can be mounted here; undefined if one can. */
function mountMissing(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs Linux and root'
  const probe = `/tmp/tempered-probe-${process.pid}`
  try {
    mkdirSync(probe)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe], { stdio: 'pipe' })
    execFileSync('umount', [probe])
    return undefined
  } catch (error) {
    return `needs the right to mount a tmpfs: ${(error as Error).message.split('\n')[0]}`
  } finally {
    execFileSync('rmdir', [probe])
  }
}

const missing = mountMissing()
/** More than a node gets done in the room that its own deletions leave on a disk that is filled all the time. */
const ROUNDS = 150
const FILLER = 'filler'

/** Runs a test with a disk of its own for the state of alice, which is gone afterwards. */
const withSmallDisk = (test: (folder: string, state: string) => Promise<void>) => () =>
  inTemporaryFolder(async (folder) => {
    await initNodes(folder, ['alice', 'bob'], ROUNDS, ['--local-steps', '1', '--join-ms', '86400000'])
    const state = join(folder, 'alice', 'state')
    mkdirSync(state, { recursive: true })
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', state])
    let isMounted = true
    const unmount = (): void => {
      if (isMounted) execFileSync('umount', ['-l', state])
      isMounted = false
    }
    // Also when the test takes too long.
    onTestFinished(unmount)
    try {
      await test(folder, state)
    } finally {
      unmount()
    }
  })

const remount = (folder: string, how: 'ro' | 'rw'): void =>
  void execFileSync('mount', ['-o', `remount,${how}`, folder])

/** Fills a disk to its last byte. */
function fill(folder: string): void {
  for (const bytes of [65_536, 512, 1]) {
    try {
      for (;;) appendFileSync(join(folder, FILLER), new Uint8Array(bytes))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
}

/** Fills it again and again, since a node also deletes what it does not need any more, until the node has ended. */
async function fillUntilEnd(folder: string, node: CliProcess): Promise<number | string> {
  for (;;) {
    fill(folder)
    const end = await Promise.race([node.exit, pause(5)])
    if (end !== undefined) return end
  }
}

const empty = (folder: string): void => truncateSync(join(folder, FILLER), 0)

/** Starts bob, whom alice knows. */
async function startBob(folder: string): Promise<CliProcess> {
  const bob = startNode(folder, 'bob')
  await setBootstrap(folder, 'alice', await listening(bob))
  return bob
}

async function expectWhole(folder: string, names: readonly string[]): Promise<void> {
  const verified = await callCli(['ledger', 'verify', ...names], folder)
  expect(verified.code, verified.stdout).toBe(EXIT.ok)
  const files = await readdir(join(folder, 'alice', 'state'), { recursive: true })
  expect(files.filter((name) => name.endsWith('.tmp'))).toEqual([])
}

describe.skipIf(missing !== undefined)(
  `a real disk of a node${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    it(
      'that gets full ends it with E_IO and what to do; it goes on when there is space again',
      withSmallDisk(async (folder, state) => {
        const bob = await startBob(folder)
        const alice = startNode(folder, 'alice')
        await roundDone(alice, 1)
        expect(await fillUntilEnd(state, alice)).toBe(EXIT.resource)
        expect(alice.stderr.join('\n')).toMatch(/E_IO.*the disk is full; free some space/)
        await expectWhole(folder, ['alice'])

        fill(state)
        const tooEarly = startNode(folder, 'alice')
        expect(await tooEarly.exit).toBe(EXIT.resource)
        expect(tooEarly.stderr.join('\n')).toMatch(/E_IO.*the disk is full; free some space/)
        await expectWhole(folder, ['alice'])

        empty(state)
        const again = startNode(folder, 'alice')
        expect(await Promise.all([again.exit, bob.exit])).toEqual([EXIT.ok, EXIT.ok])
        await expectWhole(folder, ['alice', 'bob'])
      }),
    )

    it(
      'that is read-only is said to be so at the start',
      withSmallDisk(async (folder, state) => {
        const bob = await startBob(folder)
        const alice = startNode(folder, 'alice')
        await roundDone(alice, 1)
        alice.child.kill('SIGTERM')
        expect(await alice.exit).toBe(EXIT.terminated)
        const { size } = statSync(join(state, 'ledger.car'))
        remount(state, 'ro')
        const refused = startNode(folder, 'alice')
        expect(await refused.exit).toBe(EXIT.resource)
        expect(refused.stderr.join('\n')).toMatch(/E_IO.*the file system is read-only/)
        expect(statSync(join(state, 'ledger.car')).size).toBe(size)
        // What was written can still be checked and shown.
        expect((await callCli(['ledger', 'verify', 'alice'], folder)).code).toBe(EXIT.ok)
        remount(state, 'rw')
        const again = startNode(folder, 'alice')
        expect(await Promise.all([again.exit, bob.exit])).toEqual([EXIT.ok, EXIT.ok])
        await expectWhole(folder, ['alice', 'bob'])
      }),
    )

    it(
      'with room for less than a node needs refuses its first start',
      withSmallDisk(async (folder, state) => {
        fill(state)
        const alice = startNode(folder, 'alice')
        expect(await alice.exit).toBe(EXIT.resource)
        expect(alice.stderr.join('\n')).toMatch(/E_IO.*the disk is full; free some space/)
        empty(state)
        const again = startNode(folder, 'alice')
        await listening(again)
        again.child.kill('SIGTERM')
        expect(await again.exit).toBe(EXIT.terminated)
      }),
    )
  },
)
