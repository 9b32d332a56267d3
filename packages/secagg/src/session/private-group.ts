/** Who shares with whom in a round of a private run, and by which numbers: everything that follows from the manifest. */

import { encodeCanonical, LIMITS, type Manifest, type Run } from '@tempered/protocol'
import { createDistanceRule, type DistanceRule } from '@tempered/robust-agg/distance-rules'
import { type DealingPlan, dealingPlan } from '../dealing/dealing-plan.js'
import { SecaggError } from '../errors.js'
import { groupsOf } from '../groups/groups.js'
import { requireAgreement } from '../sharing/scheme.js'

export type PrivacyMode = NonNullable<Run['manifest']['privacy']>['mode']

/** A group of one round. Its members are named by their places in it. */
export interface PrivateGroup {
  readonly run: Run
  readonly round: number
  /** Peer ids in member order. */
  readonly members: readonly string[]
  readonly plan: DealingPlan
  readonly mode: PrivacyMode
  /** In the cheap mode one that weighs all models equally. */
  readonly rule: DistanceRule
  /** Equal votes that decide: more than half of the members and all that may vote twice, so that there is one decision. */
  readonly quorum: number
  /** Models that a sum has at least. */
  readonly leastInSum: number
  /** Undefined for a peer that is not in the group. */
  placeOf(peer: string): number | undefined
  /** Bytes that no other dealing has. */
  contextOf(dealer: number): Uint8Array
}

/**
 * Models that a sum has at least: those of all colluders, and two others, or as many as share the noise that is to hide them.
 */
function leastInSum({ threshold }: { readonly threshold: number }, sharedAmong = 1): number {
  return threshold + Math.max(2, sharedAmong)
}

/** What a run says about its private rounds. Throws SecaggError E_SHARING_PARAMS where it says nothing. */
function privacyOf(run: Run) {
  const { privacy } = run.manifest
  if (privacy === undefined) throw new SecaggError('E_SHARING_PARAMS', 'this run is not private')
  return privacy
}

const UNFILTERED: DistanceRule = {
  name: 'none',
  params: {},
  fewest: 1,
  weigh: ({ models }) => ({
    weights: Array.from({ length: models }, () => 1),
    scores: null,
    threshold: null,
  }),
}

/** Throws SecaggError E_SHARING_PARAMS where the mode and the rule do not fit, and RobustAggError for the rule. */
function ruleOf({ mode, rule }: ReturnType<typeof privacyOf>): DistanceRule {
  if (mode === 'shares') {
    if (rule === undefined)
      throw new SecaggError(
        'E_SHARING_PARAMS',
        "the mode 'shares' weighs models by a rule, and privacy.rule is missing; name one, such as multi-krum",
      )
    return createDistanceRule(rule.name, rule.params)
  }
  if (rule !== undefined)
    throw new SecaggError(
      'E_SHARING_PARAMS',
      `the mode 'masks' opens no distances, so that no rule can weigh the models; leave out privacy.rule (${rule.name}), or use the mode 'shares'`,
    )
  return UNFILTERED
}

const plans = new WeakMap<Manifest, Map<number, DealingPlan>>()

/** Groups of one size have one plan, which remembers what it computes. */
function planOf(run: Run, members: number): DealingPlan {
  const known = plans.get(run.manifest) ?? new Map<number, DealingPlan>()
  plans.set(run.manifest, known)
  const { threshold, range } = privacyOf(run)
  const { parameterCount } = run.manifest.model
  const plan = known.get(members) ?? dealingPlan({ members, threshold, parameterCount, range })
  known.set(members, plan)
  return plan
}

/**
 * The group of a member in a round; undefined for a peer that is no member of the run. Throws SecaggError E_SHARING_PARAMS
 * as `checkPrivacy`.
 */
export function privateGroup(run: Run, round: number, peer: string): PrivateGroup | undefined {
  const { manifest, memberIndex } = run
  const privacy = privacyOf(run)
  const { group, threshold, mode } = privacy
  const index = memberIndex.get(peer)
  if (index === undefined) return undefined
  const places = groupsOf(manifest.members.length, group, manifest.seed, round).find((found) =>
    found.includes(index),
  )!
  const members = places.map((at) => manifest.members[at])
  const placeIn = new Map(members.map((member, at) => [member, at]))
  return {
    run,
    round,
    members,
    plan: planOf(run, members.length),
    mode,
    rule: ruleOf(privacy),
    quorum: Math.floor((members.length + threshold) / 2) + 1,
    leastInSum: leastInSum(privacy, manifest.differentialPrivacy?.sharedAmong),
    placeOf: (member) => placeIn.get(member),
    contextOf: (dealer) => encodeCanonical({ run: run.id, round, members, dealer }),
  }
}

/** What a run says about its private rounds, and what it has beside them. */
export interface PrivacyCheck {
  readonly privacy: NonNullable<Run['manifest']['privacy']>
  /** How many. */
  readonly members: number
  readonly seed: number
  /** d; 1 where it is not known yet. */
  readonly parameterCount: number
  readonly hasChain: boolean
  readonly hasContribution: boolean
  /** Of `differentialPrivacy`. */
  readonly sharedAmong: number | undefined
}

/**
 * Checks that every group of a private run can open its sums. Throws SecaggError E_SHARING_PARAMS, and RobustAggError for the
 * rule.
 */
export function checkPrivacy({
  privacy,
  members,
  seed,
  parameterCount,
  hasChain,
  hasContribution,
  sharedAmong,
}: PrivacyCheck): void {
  const { group, threshold, range, mode } = privacy
  const other = hasChain ? 'a common chain' : hasContribution ? 'scores of contributions' : undefined
  if (other !== undefined)
    throw new SecaggError(
      'E_SHARING_PARAMS',
      `a private run cannot have ${other}: both need the models that privacy hides; leave one of them out`,
    )
  const { fewest, name } = ruleOf(privacy)
  for (const size of new Set(groupsOf(members, group, seed, 0).map(({ length }) => length))) {
    if (size > LIMITS.maxGroupMembers)
      throw new SecaggError(
        'E_SHARING_PARAMS',
        `a group of ${size} members is too large, at most ${LIMITS.maxGroupMembers} are possible; lower privacy.group`,
      )
    requireAgreement(dealingPlan({ members: size, threshold, parameterCount, range }).scheme)
    const least = Math.max(fewest, leastInSum(privacy, sharedAmong))
    if (size < least)
      throw new SecaggError(
        'E_SHARING_PARAMS',
        `a group of ${size} members is too small for ${mode === 'shares' ? `the rule '${name}' and ` : ''}a threshold of ${threshold}, which ${mode === 'shares' ? 'take' : 'takes'} ${least}; raise privacy.group, or lower privacy.threshold`,
      )
  }
}
