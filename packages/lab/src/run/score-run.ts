import type { LedgerVerdict } from '@tempered/node'
import { attackName } from '../adversary/planned-attack.js'
import type { Observed } from '../events/run-event.js'
import { weighsAll } from '../measures/filter-quality.js'
import type { FailedNode, NodeRecord, RunRecord } from '../measures/run-record.js'
import type { RunScore } from '../measures/run-score.js'
import { scoreRecord } from '../measures/score.js'
import { taskFactsOf } from '../measures/task-facts.js'
import type { RunPlan } from '../scenario/plan.js'

export interface ScoreInput {
  readonly plan: RunPlan
  /** By node index. */
  readonly records: readonly NodeRecord[]
  readonly failed: readonly FailedNode[]
  readonly verdicts: readonly { readonly node: string; readonly verdict: LedgerVerdict }[]
  /** What an observer of all honest models measured, if there was one. */
  readonly observed?: readonly Observed[]
  /** Resident bytes of all processes together. */
  readonly residentBytes?: number
  /** Indices of nodes that were killed or have left and did not come back. */
  readonly gone?: readonly number[]
  /** The scored round, from 0, of a run that a stop condition ended. */
  readonly lastRound?: number | null | undefined
}

/** The score of a run that was observed. */
export function scoreRun(input: ScoreInput): RunScore {
  const { verdicts } = input
  const bad = verdicts.flatMap(({ node, verdict }) =>
    verdict.ok ? [] : [{ node, entry: verdict.entry, code: verdict.code, message: verdict.message }],
  )
  return scoreRecord(recordOf(input), { checked: verdicts.length, valid: verdicts.length - bad.length, bad })
}

/** The data of a run that was observed. */
export function recordOf(input: Omit<ScoreInput, 'verdicts'>): RunRecord {
  const { plan, records, failed } = input
  return {
    rule: plan.run.manifest.rule.name,
    weighsAll: weighsAll(plan.run.manifest.rule, plan.run.manifest.privacy),
    rounds: plan.run.manifest.training.rounds,
    taskFacts: taskFactsOf(plan.run.manifest.task),
    nodes: plan.nodes.map(({ index, name, identity, attack }) => ({
      index,
      name,
      peer: identity.signer.peerId,
      attack: attack === undefined ? null : attackName(attack),
      attackRounds: attack === undefined ? null : [attack.from, attack.to],
    })),
    records,
    failed,
    observed: input.observed ?? [],
    gone: input.gone ?? null,
    stoppedAfter: input.lastRound ?? null,
    residentBytes: input.residentBytes ?? null,
  }
}
