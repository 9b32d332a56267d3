import { type Entry, type Manifest, noisySteps, type PrivacyRecord, ProtocolError } from '@tempered/protocol'
import { listRules } from '@tempered/robust-agg'
import { noiseFor, privacySpent } from '@tempered/secagg'
import { NodeError } from '../errors.js'

type PrivateRun = Pick<Manifest, 'differentialPrivacy' | 'training'>

/**
 * The record of a member's privacy after a round; undefined in runs without.
 *
 * @param round - 0-based
 * @param rate - q, in [0, 1]: the largest chance so far of one of its samples to be in a step
 */
export function privacyAfter(
  { differentialPrivacy, training }: PrivateRun,
  round: number,
  rate: number,
): PrivacyRecord | undefined {
  if (differentialPrivacy === undefined) return undefined
  const { delta, sharedAmong = 1 } = differentialPrivacy
  // Of each member the distances of its model are seen, and they have only its own part of shared noise.
  const noiseMultiplier = differentialPrivacy.noiseMultiplier / Math.sqrt(sharedAmong)
  const steps = noisySteps(differentialPrivacy, training.localSteps, round)
  // Who has no samples has nothing to hide.
  const epsilon =
    rate === 0 ? 0 : privacySpent([{ samplingRate: rate, noiseMultiplier, steps }], delta).epsilon
  return { epsilon, steps, samplingRate: rate }
}

/** How far a recorded ε may be off: less than any lie that is worth telling. */
const TOLERANCE = 1e-9

/** The ε that an entry should have, where it has another one; undefined where it agrees. */
export function wrongEpsilon(
  { differentialPrivacy, training }: PrivateRun,
  entry: Entry,
): number | undefined {
  const record = entry.differentialPrivacy
  if (record === undefined) return undefined
  const due = privacyAfter({ differentialPrivacy, training }, entry.round, record.samplingRate)
  if (due === undefined) return undefined
  return Math.abs(record.epsilon - due.epsilon) <= TOLERANCE * due.epsilon ? undefined : due.epsilon
}

/** Throws E_DIFFERENTIAL_PRIVACY for an entry whose ε does not follow from the manifest and its own sampling rate. */
export function checkEpsilon(manifest: Manifest, entry: Entry): void {
  const due = wrongEpsilon(manifest, entry)
  if (due === undefined) return
  throw new ProtocolError(
    'E_DIFFERENTIAL_PRIVACY',
    `entry ${entry.height + 1}: says that it has spent an epsilon of ${entry.differentialPrivacy?.epsilon}, but the manifest gives ${due}`,
  )
}

/**
 * The least σ with which a member stays within ε over all rounds of a run.
 *
 * @param rate - q, in (0, 1]; 1 for noise on updates
 * Throws SecaggError E_RANGE.
 */
export function noiseForRun(
  epsilon: number,
  { on, delta }: Pick<NonNullable<Manifest['differentialPrivacy']>, 'on' | 'delta'>,
  { rounds, localSteps }: { readonly rounds: number; readonly localSteps: number },
  rate: number,
): number {
  return noiseFor(epsilon, delta, {
    samplingRate: rate,
    steps: on === 'update' ? rounds : rounds * localSteps,
  })
}

/**
 * Throws NodeError E_PRIVACY_UNSUPPORTED for a rule that makes members publish losses on their own samples, which no
 * noise covers.
 */
export function checkNoisyRule({ differentialPrivacy, rule }: Manifest): void {
  if (differentialPrivacy === undefined || !publishesLosses(rule.name)) return
  throw new NodeError(
    'E_PRIVACY_UNSUPPORTED',
    `rule ${rule.name} writes losses on each node's own samples into the ledger, and differentialPrivacy does not cover them; choose a rule that needs none`,
    { rule: rule.name },
  )
}

/** Whether a rule judges models by losses on the node's own samples, which entries then hold. */
export function publishesLosses(rule: string): boolean {
  return listRules().some(({ name, needsEvaluator }) => name === rule && needsEvaluator)
}
