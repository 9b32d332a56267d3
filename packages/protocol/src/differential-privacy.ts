import { z } from 'zod'

/**
 * Differential privacy of a run, and what of it members write into their entries; docs/differential-privacy.md has what it
 * protects. The accountant itself is in `@tempered/secagg`.
 */
export const differentialPrivacySchema = z.strictObject({
  on: z
    .enum(['sample', 'update'])
    .describe(
      'What is clipped and gets noise: the gradient of each sample in every step (DP-SGD), or the update of each round.',
    ),
  clip: z
    .number()
    .gt(0)
    .max(1e9)
    .describe('C: largest L2 length that one sample adds to a step, or that one update has.'),
  noiseMultiplier: z
    .number()
    .min(1e-3)
    .max(1e6)
    .describe('σ: standard deviation of the noise per parameter, in units of the clip.'),
  delta: z
    .number()
    .gt(0)
    .lt(1)
    .describe('δ: the chance that ε does not hold; well below one over the number of samples or nodes.'),
  sharedAmong: z
    .int()
    .min(1)
    .max(1e6)
    .optional()
    .describe(
      'm: each node adds noise of σ/√m only, as m of them are seen as a sum. On updates of private runs only. Absent for 1.',
    ),
})
export type DifferentialPrivacy = z.infer<typeof differentialPrivacySchema>

/** What a member says of its privacy in an entry. */
export const privacyRecordSchema = z.strictObject({
  /**
   * ε after this round at the manifest's δ, by the Rényi accountant. Follows from the manifest, the round and
   * `samplingRate`.
   */
  epsilon: z.number().min(0),
  /** Noisy steps that ε counts: those of every round until this one, whether or not the author took part. */
  steps: z.int().min(0),
  /**
   * q: the largest chance so far of one of the author's samples to be in a step; 1 for noise on updates, 0 for an author
   * without samples. A claim, since nobody else knows how many samples the author has.
   */
  samplingRate: z.number().min(0).max(1),
})
export type PrivacyRecord = z.infer<typeof privacyRecordSchema>

/** Noisy steps of a member from the first round to this one (0-based), included. */
export function noisySteps({ on }: DifferentialPrivacy, localSteps: number, round: number): number {
  return on === 'update' ? round + 1 : (round + 1) * localSteps
}

/** The parts of a manifest that differential privacy depends on. */
export interface PrivateRun {
  readonly differentialPrivacy?: DifferentialPrivacy | undefined
  readonly training: { readonly localSteps: number; readonly logitAdjustment?: number | undefined }
  readonly contribution?: unknown
  readonly privacy?:
    | {
        readonly group: number
        readonly threshold: number
        /** Absent where all models of a sum weigh the same. */
        readonly rule?: { readonly name: string } | undefined
      }
    | undefined
}

/** A mistake in a manifest: its path there and what is wrong. */
export interface PrivacyProblem {
  readonly path: string
  readonly message: string
}

/** What a run promises to hide and would show all the same; undefined for a run that keeps its word. */
export function privacyProblem(run: PrivateRun): PrivacyProblem | undefined {
  const { differentialPrivacy, training, contribution, privacy } = run
  if (differentialPrivacy === undefined) return undefined
  if (training.localSteps === 0)
    return {
      path: 'differentialPrivacy',
      message: 'a run without local steps trains on no data; leave it out',
    }
  if (contribution !== undefined) {
    return {
      path: 'contribution',
      message:
        'scores of contributions publish losses on the samples that differentialPrivacy protects; leave one of them out',
    }
  }
  if (differentialPrivacy.on === 'sample' && (training.logitAdjustment ?? 0) > 0) {
    return {
      path: 'training.logitAdjustment',
      message:
        "shifts every gradient by the counts of the node's labels, which noise per sample does not hide; leave it out, or use on: update",
    }
  }
  if (differentialPrivacy.on === 'sample' && (differentialPrivacy.sharedAmong ?? 1) > 1) {
    return {
      path: 'differentialPrivacy.sharedAmong',
      message:
        'the noise of single steps does not add up over nodes, which train on from it; leave it out, or use on: update',
    }
  }
  return sharedNoiseProblem(differentialPrivacy, privacy)
}

/** A rule that gives each model of a sum the weight of every other one, or none. */
const WEIGHS_EQUALLY = new Set(['multi-krum', 'nearest', 'balance'])

/** Nodes that share noise show models with too little of it, so nobody but the sum of enough of them may be seen. */
function sharedNoiseProblem(
  { sharedAmong = 1 }: DifferentialPrivacy,
  privacy: PrivateRun['privacy'],
): PrivacyProblem | undefined {
  if (sharedAmong === 1) return undefined
  const path = 'differentialPrivacy.sharedAmong'
  if (privacy === undefined)
    return {
      path,
      message: `${sharedAmong} nodes share their noise, but this run shows each model alone; leave sharedAmong out, or make the run private (privacy)`,
    }
  const { group, threshold, rule } = privacy
  if (sharedAmong > group - threshold)
    return {
      path,
      message: `${sharedAmong} honest models are never in the sum of a group of ${group} of which ${threshold} may collude; at most ${group - threshold} can share noise`,
    }
  if (rule !== undefined && !WEIGHS_EQUALLY.has(rule.name))
    return {
      path,
      message: `under ${rule.name} some models of a sum weigh more than others, so that shared noise does not hide them; use multi-krum, nearest or balance`,
    }
  return undefined
}
