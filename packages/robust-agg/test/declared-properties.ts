/**
 * Which properties each rule promises; the property tests run over this list, and a rule that is missing here fails
 * them. Where a property does not hold, the entry says why.
 */

import type { Parameters, RoundInput, RuleOptions } from '../src/index.js'

/** A property that does not hold, and the reason. */
export interface Without {
  readonly because: string
}

export type Holds = true | Without

/** ‖result − centre‖ ≤ radius, with what the round says. */
export interface Ball {
  readonly centre: ArrayLike<number>
  readonly radius: number
}

export interface BoundInput extends RoundInput {
  readonly previous: Float32Array
  /** The largest threshold that the verdicts name. */
  readonly threshold: number
}

export interface DeclaredProperties {
  /** Parameters for these tests. */
  readonly params: Parameters
  /** `bits`: another order gives the same bits; `rounding`: the same up to the last place of float32 or so. */
  readonly permutation: 'bits' | 'rounding' | Without
  /** All models, the start of the training and the evaluator moved by a vector: the result moved by it. */
  readonly translation: Holds
  /** The same with a factor of a power of two, bit for bit; parameters that are lengths take the factor too. */
  readonly scaling: Holds
  readonly lengths?: readonly string[]
  /** Coordinatewise hull of the models with a weight, of all, or of the honest ones alone; or a ball. */
  readonly bound: 'kept' | 'all' | 'honest' | ((round: BoundInput) => Ball)
  /** How many of 15 models may collude with the result staying among the others; the parameters for that. */
  readonly breakdown: { readonly f: number; readonly params: Parameters } | Without
}

const norm = (x: ArrayLike<number>): number => Math.sqrt(Array.from(x).reduce((sum, v) => sum + v * v, 0))
const zero = (d: number): Float32Array => new Float32Array(d)

const BOUNDS_THE_STEP = { because: 'it bounds the step and not the number of attackers' }
const OWN_LENGTH = { because: 'its threshold is a share of the length of the own model' }
const ANGLES = { because: 'it looks at angles between models, which depend on the origin' }

/** BALANCE: (1 − α)·γ·exp(−κ·t/T)·‖w_i‖ with its defaults. */
const balanceStep = ({ own, round, rounds }: BoundInput): Ball => ({
  centre: own,
  radius: 0.5 * 0.3 * Math.exp(-round / rounds) * norm(own),
})
/** Σ W_ij·τ ≤ τ. */
const clippedStep = ({ own, neighbours, threshold }: BoundInput): Ball => ({
  centre: own,
  radius: threshold * (neighbours.length / (neighbours.length + 1)),
})
const ownLength = ({ own }: BoundInput): Ball => ({ centre: zero(own.length), radius: norm(own) })

export const declaredProperties: Readonly<Record<string, DeclaredProperties>> = {
  average: {
    params: {},
    permutation: 'rounding',
    translation: true,
    scaling: true,
    bound: 'kept',
    breakdown: { f: 0, params: {} },
  },
  balance: {
    params: {},
    permutation: 'rounding',
    translation: OWN_LENGTH,
    scaling: true,
    bound: balanceStep,
    breakdown: BOUNDS_THE_STEP,
  },
  'clipped-gossip': {
    params: { tau: 3 },
    permutation: 'rounding',
    translation: true,
    scaling: true,
    lengths: ['tau'],
    bound: clippedStep,
    breakdown: { f: 5, params: { b: 5 / 15 } },
  },
  'cs-plus': {
    params: { b: 0.15 },
    permutation: 'rounding',
    translation: true,
    scaling: true,
    bound: clippedStep,
    breakdown: { f: 5, params: { b: 5 / 15 } },
  },
  'sketch-guard': {
    params: { size: 8 },
    permutation: 'rounding',
    translation: OWN_LENGTH,
    scaling: true,
    bound: balanceStep,
    breakdown: BOUNDS_THE_STEP,
  },
  ubar: {
    params: { rho: 0.5 },
    permutation: 'rounding',
    translation: true,
    scaling: true,
    bound: 'kept',
    breakdown: { f: 9, params: { rho: 0.4 } },
  },
  fltrust: {
    params: {},
    permutation: 'rounding',
    translation: true,
    scaling: true,
    bound: ({ own, previous }) => ({ centre: previous, radius: norm(own.map((v, k) => v - previous[k])) }),
    breakdown: BOUNDS_THE_STEP,
  },
  sentinel: {
    params: {},
    permutation: 'rounding',
    translation: ANGLES,
    scaling: true,
    bound: ownLength,
    breakdown: BOUNDS_THE_STEP,
  },
  'sentinel-global': {
    params: { activeRound: 0 },
    permutation: 'rounding',
    translation: ANGLES,
    scaling: true,
    bound: ownLength,
    breakdown: BOUNDS_THE_STEP,
  },
  wfagg: {
    params: { f: 1 },
    permutation: 'rounding',
    translation: ANGLES,
    scaling: true,
    bound: 'kept',
    breakdown: { f: 6, params: { f: 6 } },
  },
  nna: {
    params: { f: 1 },
    permutation: 'rounding',
    translation: true,
    scaling: true,
    bound: 'kept',
    breakdown: { f: 7, params: { f: 7 } },
  },
  'nna-weighted': {
    params: { b: 0.2 },
    permutation: 'rounding',
    translation: true,
    scaling: true,
    bound: 'kept',
    breakdown: { f: 7, params: { b: 7 / 15 } },
  },
  median: {
    params: {},
    permutation: 'bits',
    translation: true,
    scaling: true,
    bound: 'honest',
    breakdown: { f: 7, params: {} },
  },
  'trimmed-mean': {
    params: { f: 1 },
    permutation: 'bits',
    translation: true,
    scaling: true,
    bound: 'honest',
    breakdown: { f: 7, params: { f: 7 } },
  },
  meamed: {
    params: { f: 1 },
    permutation: 'bits',
    translation: true,
    scaling: true,
    bound: 'all',
    breakdown: { f: 7, params: { f: 7 } },
  },
  krum: {
    params: { f: 1 },
    permutation: 'bits',
    translation: true,
    scaling: true,
    bound: 'kept',
    breakdown: { f: 6, params: { f: 6 } },
  },
  'multi-krum': {
    params: { f: 1 },
    permutation: 'rounding',
    translation: true,
    scaling: true,
    bound: 'kept',
    breakdown: { f: 6, params: { f: 6 } },
  },
  bulyan: {
    params: { f: 1 },
    permutation: 'bits',
    translation: true,
    scaling: true,
    bound: 'all',
    breakdown: { f: 3, params: { f: 3 } },
  },
  mda: {
    params: { f: 1 },
    permutation: { because: 'subsets of the same diameter tie, and the order decides between them' },
    translation: true,
    scaling: true,
    bound: 'kept',
    breakdown: { f: 7, params: { f: 7 } },
  },
  'geometric-median': {
    params: {},
    permutation: 'rounding',
    translation: { because: 'it starts at the origin and stops after a given number of steps' },
    scaling: true,
    lengths: ['nu'],
    bound: 'all',
    breakdown: { f: 7, params: { nu: 1e-3, steps: 100 } },
  },
  'centred-clipping': {
    params: { tau: 2, steps: 3 },
    permutation: 'rounding',
    translation: true,
    scaling: true,
    lengths: ['tau'],
    bound: ({ previous }) => ({ centre: previous, radius: 6 }),
    breakdown: { f: 7, params: { tau: 0.1, steps: 20 } },
  },
  caf: {
    params: { f: 2 },
    permutation: 'rounding',
    translation: true,
    scaling: true,
    bound: 'kept',
    breakdown: { f: 7, params: { f: 7 } },
  },
  foolsgold: {
    params: {},
    permutation: 'rounding',
    translation: true,
    scaling: true,
    bound: 'kept',
    breakdown: { because: 'it tolerates any number of colluders that agree, but not a single attacker' },
  },
}

/** Compositions that must scale too. */
export const preCompositions: readonly [rule: string, params: Parameters, options: RuleOptions][] = [
  ['krum', { f: 1 }, { pre: [{ name: 'nnm', params: { f: 1 } }] }],
  ['median', {}, { pre: [{ name: 'bucketing' }] }],
  ['median', {}, { pre: [{ name: 'arc', params: { f: 1 } }] }],
  ['average', {}, { pre: [{ name: 'static-clipping', params: { c: 4 } }] }],
  ['krum', { f: 1 }, { pre: [{ name: 'distinct' }] }],
  ['average', {}, { pre: [{ name: 'mad-clipping', params: { c: 2 } }] }],
  ['average', {}, { pre: [{ name: 'reputation' }] }],
]
