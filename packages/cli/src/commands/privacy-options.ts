import { errorCode, errorMessage, noiseForRun, privacyAfter } from '@tempered/node'
import type { DifferentialPrivacy, Manifest } from '@tempered/protocol'
import { samplingRate } from '@tempered/train'
import { CliError } from '../errors.js'

/** The options of `manifest create` that ask for differential privacy. */
export interface PrivacyOptions {
  readonly dpOn?: DifferentialPrivacy['on']
  readonly dpClip?: number
  /** σ. */
  readonly dpNoise?: number
  /** ε after the last round, from which σ follows. */
  readonly dpEpsilon?: number
  readonly dpDelta?: number
  /** Fewest training samples that a member has. */
  readonly dpSamples?: number
  readonly rounds: number
  readonly localSteps: number
  readonly batchSize: number
}

const FLAGS = {
  dpClip: '--dp-clip',
  dpNoise: '--dp-noise',
  dpEpsilon: '--dp-epsilon',
  dpDelta: '--dp-delta',
  dpSamples: '--dp-samples',
} as const

/** What a manifest has for them; undefined for a run without. Throws E_USAGE. */
export function privacyOf(options: PrivacyOptions): DifferentialPrivacy | undefined {
  const { dpOn: on, dpClip: clip, dpNoise, dpEpsilon, dpDelta: delta, dpSamples } = options
  if (on === undefined) {
    const given = (Object.keys(FLAGS) as (keyof typeof FLAGS)[]).find((name) => options[name] !== undefined)
    if (given === undefined) return undefined
    throw usage(
      `${FLAGS[given]} is part of differential privacy; say what gets noise with --dp-on sample or update`,
    )
  }
  if (clip === undefined) throw usage('--dp-on needs --dp-clip, the largest length that is let through')
  if (delta === undefined)
    throw usage('--dp-on needs --dp-delta, well below one over the number of samples or nodes, e.g. 0.00001')
  if ((dpNoise === undefined) === (dpEpsilon === undefined))
    throw usage('--dp-on needs --dp-noise or --dp-epsilon, and not both')
  if (dpSamples !== undefined && on === 'update')
    throw usage('--dp-samples is for --dp-on sample; noise on updates does not depend on it')
  if (!(delta > 0 && delta < 1)) throw usage(`--dp-delta must be between 0 and 1, got ${delta}`)
  if (dpNoise !== undefined) return { on, clip, noiseMultiplier: dpNoise, delta }
  if (!(dpEpsilon! > 0)) throw usage(`--dp-epsilon must be above 0, got ${dpEpsilon}`)
  const rate = rateOf(on, options.batchSize, dpSamples)
  if (rate === undefined)
    throw usage('--dp-epsilon with --dp-on sample needs --dp-samples, the fewest samples that a member has')
  try {
    const noiseMultiplier = roundedUp(noiseForRun(dpEpsilon!, { on, delta }, options, rate))
    return { on, clip, noiseMultiplier, delta }
  } catch (error) {
    if (errorCode(error) !== 'E_RANGE') throw error
    throw usage(`--dp-epsilon ${dpEpsilon}: ${errorMessage(error)}; give a larger one, or fewer rounds`)
  }
}

/** One line about what a run will have spent; undefined for a run without differential privacy. */
export function privacyText(manifest: Manifest, samples: number | undefined): string | undefined {
  const { differentialPrivacy, training } = manifest
  if (differentialPrivacy === undefined) return undefined
  const { on, clip, noiseMultiplier, delta } = differentialPrivacy
  const noise = `differential privacy on each ${on}: clip ${clip}, noise multiplier ${noiseMultiplier}`
  const rate = rateOf(on, training.batchSize, samples)
  const spent = rate === undefined ? undefined : privacyAfter(manifest, training.rounds - 1, rate)
  if (spent === undefined) return `${noise}; epsilon depends on the samples of each member (--dp-samples)`
  const whose = on === 'sample' ? ` for a member with ${samples} samples` : ''
  return `${noise}; epsilon ${spent.epsilon.toPrecision(4)} at delta ${delta} after ${training.rounds} rounds${whose}`
}

function rateOf(
  on: DifferentialPrivacy['on'],
  batchSize: number,
  samples: number | undefined,
): number | undefined {
  if (on === 'update') return 1
  return samples === undefined ? undefined : samplingRate(batchSize, samples)
}

/** Six digits are enough for a manifest; more noise keeps the promise. */
function roundedUp(noiseMultiplier: number): number {
  const unit = 10 ** (Math.floor(Math.log10(noiseMultiplier)) - 5)
  return Number((Math.ceil(noiseMultiplier / unit) * unit).toPrecision(6))
}

function usage(message: string): CliError {
  return new CliError('E_USAGE', message)
}
