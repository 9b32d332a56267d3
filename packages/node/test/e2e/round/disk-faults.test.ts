import type * as Files from 'node:fs/promises'
import type { Run } from '@tempered/protocol'
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

const ROUNDS = 2
/** Every so many operations there is a fault. */
const STEP = sized(13, 1)
/** Runs at a time: they mostly wait. */
const LANES = 16

/** What has been announced, by any node at any time. */
type Index = ReturnType<typeof createAnnouncementIndex>

interface Outcome {
  /** Operation at which it happened; undefined when the run was over before. */
  readonly struck: string | undefined
  /** Code with which the node ended; undefined when it was killed, or went on. */
  readonly code: string | undefined
}

/** The clock of a process: once that is dead, nothing of it happens any more. */
function mortalClock(isDead: () => boolean): Clock {
  const after: Clock['after'] = (delayMs, callback) =>
    systemClock.after(delayMs, () => {
      if (!isDead()) callback()
    })
  return { ...systemClock, after, deadline: (delayMs, parent) => deadlineOf(after, delayMs, parent) }
}

/**
 * A run of two nodes, of which the disk of one fails at its operation number `at`. It is started again on a sound disk,
 * and the run must come to its end as if nothing had happened.
 */
async function playedWith(at: number, fault: DiskFault): Promise<Outcome> {
  const run = realRun({ rounds: ROUNDS, members: signers.slice(0, 2) })
  const cluster = await memoryCluster(run)
  const index = createAnnouncementIndex()
  const disk = createFaultyDisk(cluster.folders[0]!)
  let network: RunNetwork | undefined
  let isDead = false
  const died = new Promise<'killed'>((resolve) => {
    disk.arm(at, fault, () => {
      isDead = true
      void network?.stop()
      resolve('killed')
    })
  })
  /** Nothing that a dead process would say reaches anybody, and all that it did say is noted. */
  const noted = (given: RunNetwork, isSilent: () => boolean): RunNetwork => ({
    ...given,
    announce(message) {
      if (isSilent()) return Promise.resolve()
      index.note(message.bytes, peerOf(0))
      return given.announce(message)
    },
    publishHead: (message) => (isSilent() ? Promise.resolve() : given.publishHead(message)),
  })
  const healthy = await cluster.start(1)
  const begun = cluster.start(0, {
    clock: mortalClock(() => isDead),
    createNetwork: (parts) => {
      network = noted(cluster.hub.connect(parts), () => isDead)
      return network
    },
  })
  const ended = begun.then(({ done }) => done).then(() => 'over' as const)
  const first = await Promise.race([ended, died]).catch((error: unknown) => errorCode(error))
  const { struck } = disk
  await settle()
  await disk.repair()
  if (first !== 'over') {
    const again = await cluster.start(0, {
      createNetwork: (parts) => noted(cluster.hub.connect(parts), () => false),
    })
    await again.done
    await expectWhole(run, again, index)
  }
  await healthy.done
  await expectWhole(run, healthy, index)
  expect(index.contradictions()).toEqual([])
  return { struck, code: first === 'over' || first === 'killed' ? undefined : first }
}

/** The ledger verifies, has each round once and at its end the last one; its announcements go into `index`. */
async function expectWhole(run: Run, node: MemoryNode, index: Index): Promise<void> {
  const entries = await node.entries()
  const rounds = entries.map(({ body }) => body.round)
  expect(rounds).toEqual([...new Set(rounds)].sort((a, b) => a - b))
  expect(rounds.at(-1)).toBe(ROUNDS - 1)
  expect(node.quarantined).toEqual([])
  const author = run.manifest.members.find((peer) => peer === entries[0]!.body.author)!
  for (const { body } of entries)
    for (const announcement of [body.announcement, ...body.neighbours.map((one) => one.announcement)])
      if (announcement !== null) index.note(announcement, author)
}

/** Plays with a fault at each operation of a run in turn, until there are no more operations; several at a time. */
async function playedAtEach(fault: DiskFault): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  let next = 1
  let isOver = false
  const lane = async (): Promise<void> => {
    while (!isOver) {
      const at = next
      next += STEP
      const outcome = await playedWith(at, fault).catch((error: unknown) => {
        throw new Error(`with ${JSON.stringify(fault)} at operation ${at}: ${errorMessage(error)}`, {
          cause: error,
        })
      })
      if (outcome.struck === undefined) isOver = true
      else outcomes.push(outcome)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return outcomes
}

describe('a node that is killed', () => {
  it.each<[what: string, fault: DiskFault, least: number]>([
    ['before any operation on its disk', { kind: 'kill' }, 80],
    ['in the middle of anything that it writes', { kind: 'torn' }, 15],
  ])('%s signs nothing twice, and comes back', async (_what, fault, least) => {
    expect((await playedAtEach(fault)).length).toBeGreaterThanOrEqual(Math.floor(least / STEP))
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
