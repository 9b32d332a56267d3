import { join } from 'node:path'
import { createAnnouncementIndex, errorMessage, sleep, systemClock } from '@tempered/node'
import { tryInvalid } from './invalid-operations.js'
import { type ObservedNodes, observeNodes } from './observed-nodes.js'
import { Overdue, within } from './overdue.js'
import type { SoakNodeRecord, SoakRecord } from './soak-checker.js'
import { carryOut, type FaultParts } from './soak-faults.js'
import { createSoakCluster, type SoakCluster } from './soak-folder.js'
import { ledgerOf } from './soak-ledgers.js'
import {
  type InvalidOperation,
  type SoakFault,
  type SoakStep,
  soakSteps,
  steadyNodes,
  type ValidOperation,
} from './soak-plan.js'
import { createSoakTally, type SoakTally } from './soak-tally.js'
import { performValid } from './valid-operations.js'

export interface SoakInit {
  /** For key files, states and logs; empty. */
  readonly folder: string
  readonly nodes: number
  readonly seed: number
  readonly seconds: number
}

export interface SoakProgress {
  readonly seconds: number
  /** Entries of the first node. */
  readonly entries: number
  readonly faults: number
  readonly operations: number
  readonly invalid: number
}

/** When memory and descriptors are measured first: when models and connections have found their places. */
const WARM_UP_MS = 60_000
const WARM_UP_SHARE = 0.2
const OPERATION_MS = 12_000
/** Each operation and fault has limits of its own. Those that are not over by then have none that works. */
const OVERDUE_MS = { operation: 180_000, fault: 900_000, reading: 180_000 }
/** Operations at a time: frozen nodes keep some waiting. */
const MOST_AT_A_TIME = 6

/** Runs real nodes for a while under faults and invalid operations, and collects what was seen. */
export async function runSoak(
  init: SoakInit,
  signal: AbortSignal,
  onProgress: (progress: SoakProgress) => void,
): Promise<SoakRecord> {
  const cluster = await createSoakCluster(init.folder, init.nodes, init.seed)
  const observed = observeNodes(cluster.nodes, signal)
  const tally = createSoakTally()
  const steady = steadyNodes(init.nodes)
  let seconds = 0
  let rejects: SoakRecord['rejects'] = []
  try {
    for (let k = 0; k < init.nodes; k++) await observed.start(k)
    for (let k = 0; k < init.nodes; k++) await observed.joined(k)
    seconds = await disturb(init, { cluster, observed, tally, signal }, onProgress)
    await observed.measure('after', steady)
    rejects = await observed.rejects(steady)
    for (const { name, isRunning, lastWords } of cluster.nodes.slice(0, steady))
      if (!isRunning) tally.failure(`${name} ended by itself; last in its log: ${await lastWords()}`)
  } catch (error) {
    tally.failure(errorMessage(error))
  } finally {
    for (const finding of await observed.stop()) tally.failure(finding)
  }
  const { faults, operations, invalid, failures } = tally
  const { nodes, contradictions } = await readStates(cluster, observed, { steady, seconds })
  return {
    seconds,
    nodes,
    faults,
    operations,
    invalid,
    failures,
    contradictions,
    orphans: observed.left(),
    rejects,
  }
}

interface SoakParts {
  readonly cluster: SoakCluster
  readonly observed: ObservedNodes
  readonly tally: SoakTally
  readonly signal: AbortSignal
}

/** Takes the steps of the plan until time is up. Returns the seconds that they took. */
async function disturb(
  { seed, nodes, seconds }: SoakInit,
  parts: SoakParts,
  onProgress: (progress: SoakProgress) => void,
): Promise<number> {
  const { observed, tally, signal } = parts
  const began = systemClock.monotonicMs()
  const elapsed = (): number => (systemClock.monotonicMs() - began) / 1000
  const warmUp = Math.min(WARM_UP_MS / 1000, WARM_UP_SHARE * seconds)
  const take = createStepTaker(parts)
  let isWarm = false
  for (const step of soakSteps({ seed, nodes })) {
    if (signal.aborted || elapsed() >= seconds) break
    await sleep(systemClock, step.afterMs, signal)
    if (!isWarm && elapsed() >= warmUp) {
      isWarm = true
      await observed.measure('before', steadyNodes(nodes))
    }
    await take.step(step)
    onProgress({ seconds: elapsed(), entries: observed.shown(0).at(-1)?.entries ?? 0, ...tally.totals() })
  }
  await take.finish()
  return elapsed()
}

function createStepTaker({ cluster: { nodes, places, run, idle }, observed, tally, signal }: SoakParts) {
  const disturbed = new Set<number>()
  /** Faults of each node so far. */
  const struck = nodes.map(() => 0)
  const working = new Set<Promise<void>>()

  const operate = async (k: number, operation: ValidOperation): Promise<void> => {
    const before = struck[k]
    const isDisturbed = (): boolean => disturbed.has(k) || struck[k] !== before
    if (isDisturbed()) return
    try {
      const work = performValid(operation, {
        node: nodes[k]!,
        next: nodes[(k + 1) % nodes.length]!,
        port: places[k]!.port,
        isSteady: k < steadyNodes(nodes.length),
        isDisturbed,
        shownEntries: () => observed.shown(k).at(-1)?.entries ?? 0,
        status: () => observed.status(k),
      })
      await within(systemClock, OVERDUE_MS.operation, operation, work)
      tally.done(operation)
    } catch (error) {
      if ((isDisturbed() || signal.aborted) && !(error instanceof Overdue)) return
      tally.failed(operation, `${operation} of ${nodes[k]!.name} failed: ${errorMessage(error)}`)
    }
  }
  const offend = async (k: number, operation: InvalidOperation): Promise<void> => {
    const { port } = places[k]!
    const target = { address: `/ip4/127.0.0.1/tcp/${port}`, port, status: () => observed.status(k) }
    const limit = systemClock.deadline(OPERATION_MS, signal)
    try {
      const work = tryInvalid(operation, target, { run, member: idle }, limit.signal)
      const outcome = await within(
        systemClock,
        OVERDUE_MS.operation,
        `${operation} at ${nodes[k]!.name}`,
        work,
      )
      tally.outcome(operation, disturbed.has(k) ? 'skipped' : outcome)
    } finally {
      limit.clear()
    }
  }
  const strike = async (k: number, fault: SoakFault): Promise<void> => {
    if (disturbed.has(k)) return
    disturbed.add(k)
    struck[k]! += 1
    tally.fault(fault.kind)
    try {
      const parts: FaultParts = {
        clock: systemClock,
        start: (conditions) => observed.start(k, conditions),
        report: tally.failure,
      }
      const work = carryOut(nodes[k]!, fault, parts, signal).then(() => observed.joined(k))
      await within(systemClock, OVERDUE_MS.fault, `${fault.kind} of ${nodes[k]!.name}`, work)
    } finally {
      disturbed.delete(k)
    }
  }
  const taken = (step: SoakStep): Promise<void> => {
    if (step.kind === 'fault') return strike(step.node, step.fault)
    return step.kind === 'invalid' ? offend(step.node, step.operation) : operate(step.node, step.operation)
  }
  return {
    async step(step: SoakStep): Promise<void> {
      while (working.size >= MOST_AT_A_TIME + disturbed.size) await Promise.race(working)
      const done = taken(step)
        .catch((error) => tally.failure(errorMessage(error)))
        .finally(() => working.delete(done))
      working.add(done)
    },
    finish: () => Promise.all(working),
  }
}

async function readStates(
  { nodes, places, run }: SoakCluster,
  observed: ObservedNodes,
  { steady, seconds }: { readonly steady: number; readonly seconds: number },
): Promise<Pick<SoakRecord, 'nodes' | 'contradictions'>> {
  const index = createAnnouncementIndex()
  const records: SoakNodeRecord[] = []
  for (const [k, node] of nodes.entries())
    records.push({
      ...(await within(
        systemClock,
        OVERDUE_MS.reading + 1000 * seconds,
        `verification of the ledger of ${node.name}`,
        ledgerOf(join(node.folder, 'state'), run, places[k]!.peer, index),
      )),
      name: node.name,
      isSteady: k < steady,
      starts: node.starts,
      shown: observed.shown(k),
      use: observed.use(k),
    })
  return {
    nodes: records,
    contradictions: index.contradictions().map(({ offender, round }) => ({ member: offender, round })),
  }
}
