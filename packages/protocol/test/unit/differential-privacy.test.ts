import { describe, expect, it } from 'vitest'
import { createChainVerifier } from '../../src/chain.js'
import { noisySteps, type PrivacyRecord } from '../../src/differential-privacy.js'
import { type Entry, signEntry } from '../../src/entry.js'
import { type Run, sealManifest } from '../../src/manifest.js'
import { announce, entryBody, manifestValue, neighbourRecord, run, signers } from '../support/documents.js'

const [me, one, two] = signers as [(typeof signers)[0], (typeof signers)[0], (typeof signers)[0]]
const onUpdates = { on: 'update', clip: 0.5, noiseMultiplier: 1, delta: 1e-5 } as const
const onSamples = { ...onUpdates, on: 'sample' } as const
const sealed = (privacy: object, over: object = {}): Run =>
  sealManifest({ ...manifestValue(), differentialPrivacy: privacy, ...over })
const { training } = manifestValue()

describe('differential privacy in a manifest', () => {
  it('is a part of the run id where there is some, and leaves that of all other runs as it was', () => {
    expect(sealed(onUpdates).manifest.differentialPrivacy).toEqual(onUpdates)
    expect(sealed(onUpdates).id.equals(run.id)).toBe(false)
    expect(sealed(onUpdates).id.equals(sealed({ ...onUpdates, delta: 1e-6 }).id)).toBe(false)
    const absent = sealManifest({ ...manifestValue(), differentialPrivacy: undefined })
    expect(absent.id.equals(run.id)).toBe(true)
    expect(sealed({ ...onUpdates, sharedAmong: undefined }).id.equals(sealed(onUpdates).id)).toBe(true)
    expect(sealed({ ...onUpdates, sharedAmong: 1 }).manifest.differentialPrivacy?.sharedAmong).toBe(1)
  })

  it('may be shared by the models of a sum that all weigh the same', () => {
    const noise = { ...onUpdates, sharedAmong: 3 }
    const privacy = { mode: 'masks', threshold: 1, group: 4, range: 8 }
    expect(sealed(noise, { privacy }).manifest.privacy).toEqual(privacy)
    expect(sealed(noise, { privacy: { ...privacy, rule: undefined } }).id).toEqual(
      sealed(noise, { privacy }).id,
    )
    const rule = { name: 'geometric-median', params: {} }
    expect(() => sealed(noise, { privacy: { ...privacy, mode: 'shares', rule } })).toThrow(
      /weigh more than others/,
    )
    expect(() => sealed({ ...noise, sharedAmong: 4 }, { privacy })).toThrow(/at most 3 can share noise/)
  })

  it.each<[object, object, RegExp]>([
    [
      { ...onUpdates, on: 'gradient' },
      {},
      /differentialPrivacy\.on: must be sample or update, not "gradient"/,
    ],
    [{ ...onUpdates, clip: 0 }, {}, /differentialPrivacy\.clip: must be above 0/],
    [{ ...onUpdates, noiseMultiplier: 0 }, {}, /differentialPrivacy\.noiseMultiplier/],
    [{ ...onUpdates, delta: 1 }, {}, /differentialPrivacy\.delta: must be below 1/],
    [{ ...onUpdates, delta: 0 }, {}, /differentialPrivacy\.delta: must be above 0/],
    [{ ...onUpdates, sigma: 1 }, {}, /differentialPrivacy: unknown key sigma/],
    [
      { ...onUpdates, sharedAmong: 4 },
      {},
      /differentialPrivacy\.sharedAmong: 4 nodes share their noise, but this run shows each model alone/,
    ],
    [
      { ...onSamples, sharedAmong: 4 },
      {},
      /differentialPrivacy\.sharedAmong: the noise of single steps does not add up/,
    ],
    [onUpdates, { contribution: { every: 1 } }, /contribution: scores of contributions publish losses/],
    [
      onSamples,
      { training: { ...training, logitAdjustment: 1 } },
      /training\.logitAdjustment: shifts every gradient/,
    ],
    [
      onUpdates,
      { training: { ...training, localSteps: 0 } },
      /differentialPrivacy: a run without local steps/,
    ],
  ])('says what is wrong with %j and %j', (privacy, over, message) => {
    expect(() => sealed(privacy, over)).toThrow(message)
  })

  it('lets the logits of a run with noise on updates be adjusted: the clip covers that', () => {
    expect(() => sealed(onUpdates, { training: { ...training, logitAdjustment: 1 } })).not.toThrow()
  })
})

describe('noisy steps', () => {
  it('are one per round for updates, and all local ones for samples', () => {
    expect(noisySteps(onUpdates, 5, 0)).toBe(1)
    expect(noisySteps(onUpdates, 5, 6)).toBe(7)
    expect(noisySteps(onSamples, 5, 6)).toBe(35)
  })
})

/** The code for a second entry with this record, after a first one with a sampling rate of its own. */
function codeFor(of: Run, record: PrivacyRecord | undefined, over: Partial<Entry> = {}, before = 0.25) {
  const steps = (height: number) => noisySteps(of.manifest.differentialPrivacy ?? onUpdates, 5, height)
  const isPrivate = of.manifest.differentialPrivacy !== undefined
  const entry = (height: number, parent = of.id, given?: PrivacyRecord, more: Partial<Entry> = {}) => {
    const { metrics, ...body } = entryBody(height, parent)
    return signEntry(
      {
        ...body,
        run: of.id,
        metrics: { ...metrics, trainingLoss: isPrivate ? null : metrics.trainingLoss },
        announcement: announce(me, height, { run: of.id, parent }).bytes,
        neighbours: [one, two].map((signer) =>
          neighbourRecord(signer, height, { announcement: announce(signer, height, { run: of.id }).bytes }),
        ),
        ...(given === undefined ? {} : { differentialPrivacy: given }),
        ...more,
      },
      me,
    )
  }
  const verifier = createChainVerifier(of)
  const rate = of.manifest.differentialPrivacy?.on === 'update' ? 1 : before
  verifier.accept(
    entry(0, of.id, isPrivate ? { epsilon: 1, steps: steps(0), samplingRate: rate } : undefined).bytes,
  )
  try {
    verifier.accept(entry(1, verifier.head, record, over).bytes)
    return 'accepted'
  } catch (error) {
    return (error as { code?: string }).code
  }
}

describe('the privacy spent, in an entry', () => {
  const updates = sealed(onUpdates)
  const samples = sealed(onSamples)
  const wrong = 'E_DIFFERENTIAL_PRIVACY'

  it('is there in runs that have some and in no others', () => {
    expect(codeFor(updates, { epsilon: 1, steps: 2, samplingRate: 1 })).toBe('accepted')
    expect(codeFor(samples, { epsilon: 1, steps: 10, samplingRate: 0.25 })).toBe('accepted')
    expect(codeFor(run, undefined)).toBe('accepted')
    expect(codeFor(updates, undefined)).toBe(wrong)
    expect(codeFor(run, { epsilon: 1, steps: 2, samplingRate: 1 })).toBe(wrong)
  })

  it('counts the steps of the manifest, and has all samples in every update', () => {
    expect(codeFor(updates, { epsilon: 1, steps: 1, samplingRate: 1 })).toBe(wrong)
    expect(codeFor(samples, { epsilon: 1, steps: 2, samplingRate: 0.25 })).toBe(wrong)
    expect(codeFor(updates, { epsilon: 1, steps: 2, samplingRate: 0.5 })).toBe(wrong)
  })

  it('does not go back to a smaller sampling rate, as if earlier steps had not been', () => {
    expect(codeFor(samples, { epsilon: 1, steps: 10, samplingRate: 0.24 })).toBe(wrong)
    expect(codeFor(samples, { epsilon: 1, steps: 10, samplingRate: 0.3 })).toBe('accepted')
    expect(codeFor(samples, { epsilon: 1, steps: 10, samplingRate: 1.1 })).toBe('E_MALFORMED')
    expect(codeFor(samples, { epsilon: -1, steps: 10, samplingRate: 0.25 })).toBe('E_MALFORMED')
  })

  it('is worth nothing beside losses on the same samples', () => {
    const record = { epsilon: 1, steps: 2, samplingRate: 1 }
    const metrics = { trainingLoss: 0.5, testLoss: null, testMetric: null }
    expect(codeFor(updates, record, { metrics })).toBe(wrong)
    expect(codeFor(updates, record, { losses: [0.5] })).toBe(wrong)
  })
})
