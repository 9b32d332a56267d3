import type { LedgerVerdict } from '@tempered/node'
import type { HostedRound } from '../cluster/host-messages.js'
import type { ClusterPlan } from '../scenario/plan.js'

/** What a run came to, over its honest nodes. Shares are in [0, 1]; null where there was nothing to measure. */
export interface RunScore {
  readonly rule: string
  readonly honestNodes: number
  /** Honest nodes that completed the last round. */
  readonly finishedHonest: number
  /** Test accuracy after the last round. */
  readonly worst: NodeAccuracy | null
  readonly mean: number | null
  readonly best: NodeAccuracy | null
  /** Of the models that honest nodes refused, the share that came from attackers. */
  readonly precision: number | null
  /** Of the attackers' models that reached honest nodes, the share that was refused. */
  readonly recall: number | null
  /** Of the honest models that reached honest nodes, the share that was refused. */
  readonly honestRefused: number | null
  /** Bytes a node received and sent in a round, mean over all nodes and rounds. */
  readonly bytesPerNodeRound: number | null
  /** Wall-clock seconds a round, from the first model of the run to the last entry. */
  readonly secondsPerRound: number | null
  readonly failed: readonly { readonly node: string; readonly code: string; readonly message: string }[]
  readonly ledgers: {
    readonly checked: number
    readonly valid: number
    readonly bad: readonly {
      readonly node: string
      readonly entry: number
      readonly code: string
      readonly message: string
    }[]
  }
}

export interface NodeAccuracy {
  readonly node: string
  readonly accuracy: number
}

/** A node's rounds as they were reported, with the launcher's time of each. */
export interface NodeRecord {
  readonly rounds: { readonly report: HostedRound; readonly elapsedMs: number }[]
}

export interface ScoreInput {
  readonly plan: ClusterPlan
  /** By node index. */
  readonly records: readonly NodeRecord[]
  readonly failed: RunScore['failed']
  readonly verdicts: readonly { readonly node: string; readonly verdict: LedgerVerdict }[]
  /** The round, from 0, that a stopped run is judged by; null for none. Left out: the last one of the manifest. */
  readonly lastRound?: number | null | undefined
}

export function scoreRun(input: ScoreInput): RunScore {
  const { plan, records } = input
  const { lastRound = plan.run.manifest.training.rounds - 1 } = input
  const honest = plan.nodes.filter((node) => node.attack === undefined)
  const finals: NodeAccuracy[] = []
  for (const node of honest) {
    const last = records[node.index]?.rounds.findLast(({ report }) => report.round === lastRound)?.report
    if (last !== undefined && last.testAccuracy !== null) {
      finals.push({ node: node.name, accuracy: last.testAccuracy })
    }
  }
  finals.sort((a, b) => a.accuracy - b.accuracy)
  const bad = input.verdicts.flatMap(({ node, verdict }) =>
    verdict.ok ? [] : [{ node, entry: verdict.entry, code: verdict.code, message: verdict.message }],
  )
  return {
    rule: plan.run.manifest.rule.name,
    honestNodes: honest.length,
    finishedHonest: finals.length,
    worst: finals[0] ?? null,
    mean: mean(finals.map((final) => final.accuracy)),
    best: finals.at(-1) ?? null,
    ...filterQuality(input),
    ...costs(input),
    failed: input.failed,
    ledgers: { checked: input.verdicts.length, valid: input.verdicts.length - bad.length, bad },
  }
}

function filterQuality({
  plan,
  records,
}: ScoreInput): Pick<RunScore, 'precision' | 'recall' | 'honestRefused'> {
  const attackers = new Set(
    plan.nodes.filter((node) => node.attack !== undefined).map((node) => node.identity.signer.peerId),
  )
  const count = { hostile: 0, hostileRefused: 0, honest: 0, honestRefused: 0 }
  for (const node of plan.nodes) {
    if (node.attack !== undefined) continue
    for (const { report } of records[node.index]?.rounds ?? []) {
      for (const neighbour of report.neighbours) {
        if (neighbour.arrival === null) continue
        const kind = attackers.has(neighbour.peer) ? 'hostile' : 'honest'
        count[kind] += 1
        if (!neighbour.accepted) count[`${kind}Refused`] += 1
      }
    }
  }
  return {
    precision: share(count.hostileRefused, count.hostileRefused + count.honestRefused),
    recall: share(count.hostileRefused, count.hostile),
    honestRefused: share(count.honestRefused, count.honest),
  }
}

function costs({
  plan,
  records,
  lastRound,
}: ScoreInput): Pick<RunScore, 'bytesPerNodeRound' | 'secondsPerRound'> {
  const reported = records.flatMap((record) => record.rounds)
  const bytes = reported.map(({ report }) => report.bytesReceived + report.bytesSent)
  const begun = reported.map(({ report, elapsedMs }) => elapsedMs - phaseTotal(report))
  const ended = reported.map(({ elapsedMs }) => elapsedMs)
  const rounds = lastRound == null ? plan.run.manifest.training.rounds : lastRound + 1
  return {
    bytesPerNodeRound: mean(bytes),
    secondsPerRound: reported.length === 0 ? null : (Math.max(...ended) - Math.min(...begun)) / 1000 / rounds,
  }
}

function phaseTotal(report: HostedRound): number {
  return Object.values(report.phaseMs).reduce((sum, ms) => sum + ms, 0)
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}
