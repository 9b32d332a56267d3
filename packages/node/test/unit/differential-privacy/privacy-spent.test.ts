import { describe, expect, it } from 'vitest'
import { checkNoisyRule, noiseForRun, privacyAfter } from '../../../src/differential-privacy/privacy-spent.js'
import { createRunManifest } from '../../../src/run-manifest.js'
import { makeRun, signers } from '../../support/run-fixture.js'

const { training } = makeRun().manifest
const privacy = { on: 'update', clip: 1, noiseMultiplier: 2, delta: 1e-5 } as const

describe('the privacy spent after a round', () => {
  // From dp-accounting 0.6.0, with the orders and events of packages/secagg/test/vectors/accountant_vectors.py:
  // epsilon(rate, noise, steps, 1e-5).
  it.each([
    ['update', 2, 1, 1, 0, 1, 2.1680106367839715],
    ['update', 2, 1, 1, 2, 3, 4.01191164235448],
    ['update', 2.4715, 10, 1, 14, 15, 7.999201909446822],
    ['sample', 2, 4, 0.5, 0, 4, 2.817445579882227],
    ['sample', 2, 4, 0.5, 2, 12, 4.791990151491418],
    ['sample', 1.2501, 10, 0.064, 0, 10, 1.5505292228389964],
    ['sample', 1.2501, 10, 0.064, 14, 150, 3.9996001444131926],
  ] as const)(
    'with noise on each %s, σ = %d, %d local steps and q = %d in round %d is that of %d steps',
    (on, noiseMultiplier, localSteps, rate, round, steps, epsilon) => {
      const differentialPrivacy = { ...privacy, on, noiseMultiplier }
      const spent = privacyAfter({ differentialPrivacy, training: { ...training, localSteps } }, round, rate)
      expect(spent).toMatchObject({ steps, samplingRate: rate })
      expect(Math.abs(spent!.epsilon / epsilon - 1)).toBeLessThan(1e-12)
    },
  )

  it('is nothing for a member without samples, and not said in other runs', () => {
    const sample = { ...privacy, on: 'sample' } as const
    expect(privacyAfter({ differentialPrivacy: sample, training }, 3, 0)).toEqual({
      epsilon: 0,
      steps: 4,
      samplingRate: 0,
    })
    expect(privacyAfter({ training }, 3, 1)).toBeUndefined()
  })
})

describe('the noise for a run', () => {
  it.each([
    ['update', 8, 1],
    ['sample', 2, 0.05],
  ] as const)('on each %s is the least that stays within an epsilon of %d', (on, epsilon, rate) => {
    const rounds = { rounds: 15, localSteps: 10 }
    const noiseMultiplier = noiseForRun(epsilon, { on, delta: 1e-5 }, rounds, rate)
    const spentWith = (noise: number) =>
      privacyAfter(
        {
          differentialPrivacy: { ...privacy, on, noiseMultiplier: noise },
          training: { ...training, localSteps: 10 },
        },
        14,
        rate,
      )!.epsilon
    expect(spentWith(noiseMultiplier)).toBeLessThanOrEqual(epsilon)
    expect(spentWith(0.999 * noiseMultiplier)).toBeGreaterThan(epsilon)
  })
})

describe('a rule that publishes losses on own samples', () => {
  const members = signers.slice(0, 4).map(({ peerId }) => peerId)
  it.each(['ubar', 'sentinel', 'sentinel-global'])('%s is refused with differential privacy', (name) => {
    const manifest = { ...makeRun().manifest, rule: { name, params: {}, pre: [] } }
    expect(() => checkNoisyRule({ ...manifest, differentialPrivacy: privacy })).toThrow(
      `rule ${name} writes losses on each node's own samples into the ledger`,
    )
    expect(() => checkNoisyRule(manifest)).not.toThrow()
    const refused = { code: 'E_PRIVACY_UNSUPPORTED' }
    const params = name === 'ubar' ? { rho: 0.5 } : {}
    expect(() =>
      createRunManifest({ members, rule: { name, params }, differentialPrivacy: privacy }),
    ).toThrow(expect.objectContaining(refused))
  })
})
