import type * as Files from 'node:fs/promises'
import type { Run } from '@tempered/protocol'
import { createRng } from '@tempered/robust-agg/rng'
import { describe, expect, it, vi } from 'vitest'
import { sized } from '../../../../../test-support/tier.js'
import { type Clock, deadlineOf, systemClock } from '../../../src/clock.js'
import { errorCode, errorMessage } from '../../../src/errors.js'
import { createAnnouncementIndex } from '../../../src/ledger/announcement-index.js'
import type { RunNetwork } from '../../../src/transport/network.js'
import { createFaultyDisk, type DiskFault } from '../../support/faulty-disk.js'
import { settle } from '../../support/manual-clock.js'
import { type MemoryNode, memoryCluster, peerOf, realRun } from '../../support/memory-cluster.js'
import { signers } from '../../support/run-fixture.js'

vi.mock('node:fs/promises', async (original) => {
  const { faultyFiles } = await import('../../support/faulty-disk.js')
  const real = await original<typeof Files>()
  const faulty = faultyFiles(real)
  return { ...faulty, default: faulty }
})
// A killed node of this process would hold its folder for ever.
vi.mock('../../../src/state/state-lock.js', () => ({ lockState: async () => async () => undefined }))

/** Runs, and how often a node is killed in each; in so many rounds they come to so many at least. */
const KILLS = { games: sized(1, 52), each: 30, rounds: 20, least: sized(10, 1_000) }
/** Every so many operations there is a fault. */
const STEP = sized(13, 1)
/** Runs at a time: they mostly wait. */
const LANES = 16

/** What has been announced, by any node at any time. */
type Index = ReturnType<typeof createAnnouncementIndex>

interface Outcome {
  /** Operation at which it happened. */
  readonly struck: string
  /** Code with which the node ended; undefined when it was killed, or went on. */
  readonly code: string | undefined
  /** It went on to the end of the run. */
  readonly isOver: boolean
}

/** The clock of a process: once that is dead, nothing of it happens any more. */
function mortalClock(isDead: () => boolean): Clock {
  const after: Clock['after'] = (delayMs, callback) =>
    systemClock.after(delayMs, () => {
      if (!isDead()) callback()
    })
  return { ...systemClock, after, deadline: (delayMs, parent) => deadlineOf(after, delayMs, parent) }
}

/** A fault, and the operation of a process at which it comes. */
interface Strike {
  readonly at: number
  readonly fault: DiskFault
}

/**
 * A run of two nodes, of which the disk of one fails as often as there are strikes. After each it is started again on a
 * sound disk, and the run must come to its end as if nothing had happened. Returns what came of the strikes, of those
 * that were left out when the run was over nothing.
 */
async function playedWith(strikes: readonly Strike[], rounds: number): Promise<Outcome[]> {
  const run = realRun({ rounds, members: signers.slice(0, 2) })
  const cluster = await memoryCluster(run)
  const index = createAnnouncementIndex()
  const disk = createFaultyDisk(cluster.folders[0]!)
  /** Nothing that a dead process would say reaches anybody, and all that it did say is noted. */
  const noted = (given: RunNetwork, isDead: () => boolean): RunNetwork => ({
    ...given,
    announce(message) {
      if (isDead()) return Promise.resolve()
      index.note(message.bytes, peerOf(0))
      return given.announce(message)
    },
    publishHead: (message) => (isDead() ? Promise.resolve() : given.publishHead(message)),
  })
  /** One process from its start to its end; undefined when the run was over before the strike. */
  const process = async ({ at, fault }: Strike): Promise<Outcome | undefined> => {
    let network: RunNetwork | undefined
    let isDead = false
    const died = new Promise<'killed'>((resolve) => {
      disk.arm(at, fault, () => {
        isDead = true
        void network?.stop()
        resolve('killed')
      })
    })
    const begun = cluster.start(0, {
      clock: mortalClock(() => isDead),
      createNetwork: (parts) => {
        network = noted(cluster.hub.connect(parts), () => isDead)
        return network
      },
    })
    const ended = begun.then(({ done }) => done).then(() => 'over' as const)
    const end = await Promise.race([ended, died]).catch((error: unknown) => errorCode(error))
    const { struck } = disk
    await settle()
    await disk.repair()
    if (struck === undefined) return undefined
    return { struck, code: end === 'over' || end === 'killed' ? undefined : end, isOver: end === 'over' }
  }
  const healthy = await cluster.start(1)
  const outcomes: Outcome[] = []
  for (const strike of strikes) {
    const outcome = await process(strike)
    if (outcome !== undefined) outcomes.push(outcome)
    if (outcome === undefined || outcome.isOver) break
  }
  // At the end of the run this only opens its state once more.
  const last = await cluster.start(0, {
    createNetwork: (parts) => noted(cluster.hub.connect(parts), () => false),
  })
  await last.done
  await healthy.done
  for (const node of [last, healthy]) await expectWhole(run, node, index)
  expect(index.contradictions()).toEqual([])
  return outcomes
}

/** The ledger verifies, has each round once and at its end the last one; its announcements go into `index`. */
async function expectWhole(run: Run, node: MemoryNode, index: Index): Promise<void> {
  const entries = await node.entries()
  const rounds = entries.map(({ body }) => body.round)
  expect(rounds).toEqual([...new Set(rounds)].sort((a, b) => a - b))
  expect(rounds.at(-1)).toBe(run.manifest.training.rounds - 1)
  expect(node.quarantined).toEqual([])
  const author = run.manifest.members.find((peer) => peer === entries[0]!.body.author)!
  for (const { body } of entries)
    for (const announcement of [body.announcement, ...body.neighbours.map((one) => one.announcement)])
      if (announcement !== null) index.note(announcement, author)
}

/** Plays one run after the other, several at a time, until `strikesOf` has no more for one. */
async function playedAll(
  strikesOf: (game: number) => readonly Strike[] | undefined,
  rounds: number,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  let game = 0
  let isOver = false
  const lane = async (): Promise<void> => {
    for (let strikes = strikesOf(game++); strikes !== undefined && !isOver; strikes = strikesOf(game++)) {
      const found = await playedWith(strikes, rounds).catch((error: unknown) => {
        throw new Error(`with ${JSON.stringify(strikes)}: ${errorMessage(error)}`, { cause: error })
      })
      if (found.length === 0) isOver = true
      outcomes.push(...found)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return outcomes
}

/** With a fault at each operation of a run in turn, until there are no more operations. */
const playedAtEach = (fault: DiskFault): Promise<Outcome[]> =>
  playedAll((game) => [{ at: 1 + game * STEP, fault }], 2)

describe('a node that is killed', () => {
  it.each<[what: string, fault: DiskFault, least: number]>([
    ['before any operation on its disk', { kind: 'kill' }, 80],
    ['in the middle of anything that it writes', { kind: 'torn' }, 15],
  ])('%s signs nothing twice, and comes back', async (_what, fault, least) => {
    expect((await playedAtEach(fault)).length).toBeGreaterThanOrEqual(Math.floor(least / STEP))
  })
})

describe('a node that is killed again and again', () => {
  it('at random operations and in the middle of them signs nothing twice, and comes to the end', async () => {
    const rng = createRng(5, 'kills')
    const games = Array.from({ length: KILLS.games }, () =>
      Array.from(
        { length: KILLS.each },
        (): Strike =>
          // Of what can be torn there is less.
          rng.uniform() < 0.7
            ? { at: 1 + rng.integer(60), fault: { kind: 'kill' } }
            : { at: 1 + rng.integer(12), fault: { kind: 'torn' } },
      ),
    )
    const outcomes = await playedAll((game) => games[game], KILLS.rounds)
    expect(outcomes.length).toBeGreaterThanOrEqual(KILLS.least)
  })
})

describe('a disk that fails', () => {
  it.each<[code: 'EIO' | 'ENOSPC' | 'EROFS', lasting: boolean, least: number]>([
    ['EIO', false, 80],
    ['ENOSPC', true, 50],
    ['EROFS', true, 60],
  ])(
    'with %s at any operation ends its node with a code, and nothing is lost',
    async (code, lasting, least) => {
      const outcomes = await playedAtEach({ kind: 'error', code, lasting })
      expect(outcomes.length).toBeGreaterThanOrEqual(Math.floor(least / STEP))
      const codes = outcomes.map((outcome) => outcome.code).filter((one) => one !== undefined)
      // It goes on without files that it can do without.
      expect(codes.length).toBeGreaterThan(outcomes.length / 2)
      expect(new Set(codes)).toEqual(new Set(['E_IO']))
    },
  )
})
