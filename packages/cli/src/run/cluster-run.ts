import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { LEDGER_FILE, runTopology, systemClock, verifyLedgerFile } from '@tempered/node'
import { type Cluster, type ClusterEvent, nodeFolder, type Stage, startCluster } from '../cluster/cluster.js'
import { CliError } from '../errors.js'
import type { ClusterPlan } from '../scenario/plan.js'
import { openRunFolder, type RunFolder } from './run-folder.js'
import { type NodeRecord, type RunScore, scoreRun } from './score.js'
import { createStopWatch } from './stop-conditions.js'

/** A cluster that is being watched, written down and scored. */
export interface ClusterRun {
  readonly plan: ClusterPlan
  readonly folder: string
  /** By node index; grows while the run goes on. */
  readonly records: readonly NodeRecord[]
  readonly pids: readonly number[]
  /** Whether a stop condition of the scenario has ended it before its last round. */
  readonly stoppedEarly: (ClusterEvent & { type: 'stopped' }) | undefined
  /** Resolves with the score when all nodes are done; after `stop`, with the score of what there is. */
  finish(): Promise<RunScore>
  stop(): Promise<void>
}

export interface ClusterRunInit {
  readonly plan: ClusterPlan
  readonly folder: string
  readonly cacheFolder: string
  readonly hosts: number
  readonly logLevel: string
  /** What runs the plan: `startCluster` unless another is given. */
  readonly stage?: Stage
  /** Every event, after it was recorded. */
  onEvent(event: ClusterEvent, elapsedMs: number): void
}

export async function startClusterRun(init: ClusterRunInit): Promise<ClusterRun> {
  const { plan } = init
  const results: RunFolder = await openRunFolder(init.folder, plan)
  const begun = systemClock.monotonicMs()
  const records: NodeRecord[] = plan.nodes.map(() => ({ rounds: [] }))
  const failed: { node: string; code: string; message: string }[] = []

  let cluster: Cluster | undefined
  /** What happens before the caller has the run in hand is told when it has. */
  let early: (() => void)[] | undefined = []
  let stoppedEarly: ClusterRun['stoppedEarly']
  const watch = createStopWatch(plan)
  const end = (event: ClusterRun['stoppedEarly']): void => {
    if (event === undefined) return
    stoppedEarly = event
    onEvent(event)
    void cluster?.stop()
  }
  const { seconds } = plan.scenario.stop
  const cancelTimer =
    seconds === undefined
      ? () => undefined
      : systemClock.after(seconds * 1000, () => end(watch.time(systemClock.monotonicMs() - begun)))

  const onEvent = (event: ClusterEvent): void => {
    const elapsedMs = systemClock.monotonicMs() - begun
    results.record(event, elapsedMs)
    if (event.type === 'round') records[event.index]?.rounds.push({ report: event.report, elapsedMs })
    if (event.type === 'failed') {
      failed.push({ node: plan.nodes[event.index]!.name, code: event.code, message: event.message })
    }
    if (event.type === 'host-gone') {
      const how = event.signal ?? `exit code ${event.exitCode}`
      for (const node of event.nodes)
        failed.push({ node, code: 'E_HOST_PROCESS', message: `its process ended (${how})` })
    }
    if (early === undefined) init.onEvent(event, elapsedMs)
    else early.push(() => init.onEvent(event, elapsedMs))
    end(watch.event(event, elapsedMs))
  }
  const { stage = startCluster } = init
  cluster = await stage({ ...init, onEvent })
  if (stoppedEarly !== undefined) void cluster.stop()
  const running = cluster
  setImmediate(() => {
    const held = early ?? []
    early = undefined
    for (const tell of held) tell()
  })

  return {
    plan,
    folder: init.folder,
    records,
    get pids() {
      return running.pids
    },
    get stoppedEarly() {
      return stoppedEarly
    },
    async finish() {
      await running.done
      cancelTimer()
      const verdicts = []
      for (const node of plan.nodes) {
        const path = join(nodeFolder(init.folder, node), LEDGER_FILE)
        if (!(await exists(path))) continue
        const verdict = await verifyLedgerFile(path, undefined, (run) => runTopology(run).neighboursOf)
        verdicts.push({ node: node.name, verdict })
      }
      const score = scoreRun({ plan, records, failed, verdicts, lastRound: stoppedEarly?.lastRound })
      await results.writeSummary(score)
      await results.close()
      return score
    },
    stop: () => running.stop(),
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** Throws when nodes failed on the way; a run of which part is missing is not a success. */
export function requireNoFailures(score: RunScore): void {
  if (score.failed.length === 0) return
  const names = score.failed.map((failure) => failure.node).join(', ')
  throw new CliError('E_NODES_FAILED', `${score.failed.length} nodes did not finish: ${names}`)
}

/** Throws unless every ledger that was written is valid and every node that was planned has one. */
export function requireValidLedgers(score: RunScore, plan: ClusterPlan): void {
  const first = score.ledgers.bad[0]
  if (first !== undefined) {
    throw new CliError(
      'E_LEDGER_INVALID',
      `${first.node}: entry ${first.entry}: ${first.code}: ${first.message}`,
    )
  }
  if (score.ledgers.checked < plan.nodes.length) {
    throw new CliError(
      'E_LEDGER_INVALID',
      `only ${score.ledgers.checked} of ${plan.nodes.length} nodes left a ledger`,
    )
  }
}
