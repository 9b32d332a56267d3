import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EVIDENCE_FILE, FAILPOINTS, LEDGER_FILE, verifyLedgerFile } from '@tempered/node'
import { decodeAnnouncement, type Entry } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { full, sized } from '../../../../test-support/tier.js'
import { initNodes, listening, roundDone, setBootstrap, startNode } from '../support/node-pair.js'
import { inTemporaryFolder } from '../support/run-cli.js'

type Point = (typeof FAILPOINTS)[number]

/** Once or twice at each point; the quick tier takes two of them: one before and one after the entry is written. */
const COUNTS = sized([1], [1, 2])
const POINTS = sized<readonly Point[]>(['announcement.after-record', 'entry.after-append'], FAILPOINTS)
const ROUNDS = sized(12, 70)

async function entriesOf(folder: string, node: string): Promise<Entry[]> {
  const entries: Entry[] = []
  const verdict = await verifyLedgerFile(join(folder, node, 'state', LEDGER_FILE), (entry) => {
    entries.push(entry.body)
  })
  expect(verdict).toMatchObject({ ok: true })
  return entries
}

const modelOf = (announcement: Uint8Array): string => decodeAnnouncement(announcement).body.model.toString()

describe('a node that is killed at every step of a round', () => {
  it('keeps a valid ledger, signs nothing twice, and the run goes on', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], ROUNDS, ['--local-steps', '1'])
      const bob = startNode(folder, 'bob')
      await setBootstrap(folder, 'alice', await listening(bob))
      for (const count of COUNTS) {
        for (const point of POINTS) {
          const alice = startNode(folder, 'alice', { TEMPERED_FAILPOINT: `${point}:${count}` })
          expect([point, await alice.exit]).toEqual([point, 'SIGKILL'])
          await entriesOf(folder, 'alice').catch((error) => {
            // A torn last append is the only thing that may be wrong before the next start.
            if (!/truncated|ends/.test(String(error))) throw error
          })
        }
      }
      const alice = startNode(folder, 'alice')
      expect(await Promise.all([alice.exit, bob.exit])).toEqual([0, 0])

      const [mine, seen] = [await entriesOf(folder, 'alice'), await entriesOf(folder, 'bob')]
      expect(mine.at(-1)?.round).toBe(ROUNDS - 1)
      expect(seen.map(({ round }) => round)).toEqual(Array.from({ length: ROUNDS }, (_, k) => k))
      // Whatever bob got from alice is what alice's ledger says it sent: one model per round, crash or not.
      const announced = new Map(mine.map(({ round, announcement }) => [round, modelOf(announcement)]))
      const received = seen.flatMap(({ round, neighbours: [record] }) =>
        record?.announcement == null ? [] : [[round, modelOf(record.announcement)] as const],
      )
      // A round that was over when alice came back has no entry of hers: she goes on where bob is.
      const entered = received.filter(([round]) => announced.has(round))
      expect(entered.length).toBeGreaterThan(ROUNDS / 2)
      expect(received.length - entered.length).toBeLessThanOrEqual(COUNTS.length * POINTS.length)
      for (const [round, model] of entered) expect([round, announced.get(round)]).toEqual([round, model])
      const evidence = await readFile(join(folder, 'bob', 'state', EVIDENCE_FILE))
      const none = await readFile(join(folder, 'alice', 'state', EVIDENCE_FILE))
      expect(evidence.byteLength).toBe(none.byteLength)
      expect(evidence.byteLength).toBeLessThan(100)
    }))

  it('says which failpoints there are when it is given another', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 2)
      for (const setting of sized(['nowhere'], ['nowhere', 'entry.after-append:0', 'entry.after-append:x'])) {
        const alice = startNode(folder, 'alice', { TEMPERED_FAILPOINT: setting })
        expect(await alice.exit).toBe(2)
        expect(alice.stderr.join('\n')).toContain('entry.after-append')
      }
    }))
})

describe('a node that comes back late', () => {
  it.runIf(full)('takes over its neighbours’ ledgers and starts from their newest model', () =>
    inTemporaryFolder(async (folder) => {
      // No deadline may pass at the start, and the run never ends by itself: only events decide.
      await initNodes(folder, ['alice', 'bob', 'carol'], 100_000, ['--join-ms', '86400000'])
      const alice = startNode(folder, 'alice')
      const address = await listening(alice)
      await setBootstrap(folder, 'bob', address)
      await setBootstrap(folder, 'carol', address)
      const bob = startNode(folder, 'bob')
      const gone = startNode(folder, 'carol')
      await roundDone(gone, 1)
      gone.child.kill('SIGKILL')
      await gone.exit
      const before = await entriesOf(folder, 'carol')
      const missed = before.at(-1)!.round + 4
      await Promise.all([roundDone(alice, missed), roundDone(bob, missed)])
      const carol = startNode(folder, 'carol')
      await carol.line('stdout', (line) => (JSON.parse(line).round - 1 > missed ? true : undefined))
      for (const node of [alice, bob, carol]) node.child.kill('SIGINT')
      expect(await Promise.all([alice.exit, bob.exit, carol.exit])).toEqual([130, 130, 130])
      expect(carol.stderr.join('\n')).toContain('starts from a model of the neighbours')
      const first = (await entriesOf(folder, 'carol'))[before.length]!
      expect(first.round).toBeGreaterThan(before.at(-1)!.round + 1)
      const aggregates = [...(await entriesOf(folder, 'alice')), ...(await entriesOf(folder, 'bob'))].map(
        ({ aggregate }) => aggregate.toString(),
      )
      expect(aggregates).toContain(first.start.toString())
    }),
  )
})
