import { isFreeRider, type MemberContribution, summariseRounds } from '@tempered/protocol'
import { listAttacks } from '@tempered/robust-agg/attacks'
import type { RunRecord } from './run-record.js'
import { mean, share } from './statistics.js'

/** What members contributed, by the scores in their entries. */
export interface ContributionScore {
  /** In the order of the nodes. */
  readonly members: readonly (Omit<MemberContribution, 'peer'> & {
    readonly node: string
    readonly isFreeRider: boolean
  })[]
  /** Of the nodes that are taken for free riders, the share that are some; null when none is. */
  readonly precision: number | null
  /** Of the free riders, the share that are taken for some; null when there is none. */
  readonly recall: number | null
  /** The same by what others say about them alone. */
  readonly recallByOthers: number | null
  /** Of the honest nodes, the share that are taken for free riders. */
  readonly honestFlagged: number | null
  /** Mean gain of the honest nodes, and of the attackers. */
  readonly honestGain: number | null
  readonly attackerGain: number | null
}

/**
 * What the scores of all nodes say, attackers' included, as anyone finds who has their ledgers; undefined for runs that
 * score nothing. An attacker rides free when its attack does (`AttackInfo.ridesFree`).
 */
export function contributionScore(record: RunRecord): ContributionScore | undefined {
  const peers = record.nodes.map(({ peer }) => peer)
  const rounds = record.records.flatMap((node, index) =>
    node.rounds.flatMap(({ report: { round, contribution, neighbours } }) =>
      contribution === undefined
        ? []
        : {
            author: peers[index]!,
            round,
            neighbours: neighbours.map(({ peer }) => peer),
            contribution,
          },
    ),
  )
  if (rounds.length === 0) return undefined
  const ridesFree = new Set(listAttacks().flatMap((info) => (info.ridesFree ? [info.name] : [])))
  const judged = summariseRounds(rounds, peers).map(({ peer: _, ...member }, index) => {
    const { name: node, attack } = record.nodes[index]!
    const summary = { node, ...member, isFreeRider: isFreeRider({ peer: peers[index]!, ...member }) }
    const byOthers = isFreeRider({ peer: peers[index]!, ...member, ownRounds: 0, admittedRounds: 0 })
    return { summary, byOthers, isHonest: attack === null, rides: attack !== null && ridesFree.has(attack) }
  })
  const flagged = judged.filter(({ summary }) => summary.isFreeRider)
  const honest = judged.filter(({ isHonest }) => isHonest)
  const riders = judged.filter(({ rides }) => rides)
  const hits = flagged.filter(({ rides }) => rides).length
  const gainOf = (members: typeof judged): number | null =>
    mean(members.flatMap(({ summary: { gain } }) => (gain === null ? [] : [gain])))
  return {
    members: judged.map(({ summary }) => summary),
    precision: share(hits, flagged.length),
    recall: share(hits, riders.length),
    recallByOthers: share(riders.filter(({ byOthers }) => byOthers).length, riders.length),
    honestFlagged: share(honest.filter(({ summary }) => summary.isFreeRider).length, honest.length),
    honestGain: gainOf(honest),
    attackerGain: gainOf(judged.filter(({ isHonest }) => !isHonest)),
  }
}
