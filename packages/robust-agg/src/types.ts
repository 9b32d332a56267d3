/** Input and output of a round's aggregation, for every rule. */

import type { ParameterInfo, Parameters } from './parameters.js'

/** One node's view of one round. Nothing in it is written to, unless the caller passes it as `out`. */
export interface RoundInput {
  /** w_i: my own locally trained model, length d. */
  readonly own: Float32Array
  /**
   * The neighbours' models, self excluded. The order is part of the input: ties go to the lower index, and sums run
   * in this order. Sort by peer id to get the same bits on every machine. Contents may be Byzantine.
   */
  readonly neighbours: readonly Float32Array[]
  /** t, 0-based, at most `rounds`. */
  readonly round: number
  /** T, the number of rounds in the run, at least 1. */
  readonly rounds: number
  /**
   * Mixing weights W_ij ≥ 0, one per neighbour, of sum at most 1; my own weight is the remainder. The weight of a
   * neighbour with an unusable vector is added to mine. Without weights all usable models, including mine, have equal
   * weights. Only rules with `usesWeights` read them.
   */
  readonly weights?: ArrayLike<number> | undefined
  /**
   * The parameters this round's local training began with, which are this node's last aggregate, length d. Centred
   * clipping and the clipping pre-aggregators start from it, and FLTrust and FoolsGold compute updates relative to
   * it. When it is absent or not finite, each of them documents its replacement.
   */
  readonly previous?: Float32Array | undefined
  /**
   * The parameters with which the run began, of length d. Only pre-aggregators with `usesInitial` read them; when it
   * is absent or not finite, `previous` is used.
   */
  readonly initial?: Float32Array | undefined
  /**
   * ‖w_i − w_j‖² of each neighbour if already known, from `createStreamingDistance` with this `own`; null otherwise.
   * Rules that need these distances (BALANCE, ClippedGossip, CS+, NNA …) then do not read those models again for it;
   * others ignore it. The result has the same bits.
   */
  readonly squaredDistances?: readonly (number | null)[] | undefined
  /** The node's own data. Rules with `RuleInfo.needsEvaluator` must get one in every round; others ignore it. */
  readonly evaluator?: Evaluator | undefined
  /** `Aggregation.memory` of the last round, re-aligned with this round's neighbours. Only with `usesMemory`. */
  readonly memory?: RoundMemory | undefined
  /** Which neighbours are honest: only for experiments with an oracle (`clipped-gossip` with `oracle`). */
  readonly honest?: ArrayLike<boolean> | undefined
  /**
   * Neighbours that are known to be Byzantine, by proof or by an invalid model, and are missing from `neighbours`: a
   * fixed f (Krum, trimmed mean, NNM …) is reduced by this number in this round. Whole, ≥ 0, default 0. Not for
   * neighbours that are merely silent.
   */
  readonly exposed?: number | undefined
  /**
   * How many parameters each layer of the model has, in the order of the vector: whole numbers of at least 1 that sum
   * to d. Only rules with `usesLayers` read them; default: the whole vector is one layer.
   */
  readonly layers?: ArrayLike<number> | undefined
  /**
   * opinions[k][j]: the last opinion of neighbour k about my neighbour j (its `Aggregation.opinions`, re-aligned with
   * my neighbours), 1 trusted … 0 not trusted; null when it has none. Only rules with `usesOpinions` read them. The
   * rows come from peers and may be Byzantine: anything but a number in [0, 1] counts as no opinion.
   */
  readonly opinions?: readonly (ArrayLike<unknown> | null)[] | undefined
}

/** The node's own data, as a rule may use it. */
export interface Evaluator {
  /**
   * Mean loss of a model (length d, finite, must not be written or kept) on the node's own samples. Synchronous, and
   * the same samples for every call of a round. A result that is not finite counts as the worst loss, and so does an
   * exception: a model that breaks the evaluation must not break the round.
   */
  loss(parameters: Float32Array): number
}

/** The memory of a rule and its pre-aggregators about one sender. Opaque to the caller. */
export interface SenderMemory {
  /** Length d, or null. */
  readonly vector: Float32Array | null
  readonly values: readonly number[]
}

/** A rule's memory between rounds: returned in `Aggregation.memory`, passed back in `RoundInput.memory`. */
export interface RoundMemory {
  readonly own: SenderMemory | null
  /** In the order of the neighbours; null for a new one. */
  readonly neighbours: readonly (SenderMemory | null)[]
}

/**
 * Why a neighbour got its verdict. A closed set: a ledger stores these.
 *
 * | reason | accepted | meaning |
 * |---|---|---|
 * | `accepted` | yes | took part with its full weight |
 * | `clipped` | yes | took part, the step towards it shortened to the threshold |
 * | `distance-above-threshold` | no | its score exceeds the threshold, weight 0 |
 * | `not-selected` | no | others had better scores, weight 0 |
 * | `similarity-below-threshold` | no | its direction differs from that of my model or update, weight 0 |
 * | `loss-above-threshold` | no | its loss on my own data is larger than allowed, weight 0 |
 * | `trust-below-threshold` | no | the neighbours that I trust do not trust it, weight 0 |
 * | `reputation-below-threshold` | no | its steps so far went against the direction in which my model has moved,
 * weight 0 |
 * | `wrong-length` | no | not d values; nothing else was checked |
 * | `not-finite` | no | holds a NaN or an infinity |
 * | `too-few-models` | no | the rule's precondition fails with the models of this round; own model kept |
 * | `own-not-finite` | no | my own model holds a NaN or an infinity; own model kept |
 */
export type VerdictReason =
  | 'accepted'
  | 'clipped'
  | 'distance-above-threshold'
  | 'not-selected'
  | 'similarity-below-threshold'
  | 'loss-above-threshold'
  | 'trust-below-threshold'
  | 'reputation-below-threshold'
  | 'wrong-length'
  | 'not-finite'
  | 'too-few-models'
  | 'own-not-finite'

export interface NeighbourVerdict {
  readonly accepted: boolean
  /** Coefficient of this model in the result; for coordinatewise rules, which have none, an equal share. */
  readonly weight: number
  /**
   * Distance to my model, or the rule's score; the smaller the better, except for a similarity or a trust (FLTrust,
   * Sentinel, FoolsGold, reputation). For a rule with several tests it is that of the deciding test. Null when the
   * rule has none.
   */
  readonly score: number | null
  /** What the score was compared with; null when the rule has none. */
  readonly threshold: number | null
  readonly reason: VerdictReason
}

export interface Aggregation {
  /** The new model, length d: `out` if given, otherwise a fresh array. */
  readonly vector: Float32Array
  /** Coefficient of my own model, or its equal share for coordinatewise rules. */
  readonly ownWeight: number
  /** One per neighbour, in the order of the input. */
  readonly verdicts: readonly NeighbourVerdict[]
  /** To be passed back in the next round; only from rules with `usesMemory`. */
  readonly memory?: RoundMemory
  /**
   * My opinion about each neighbour, 1 trusted or 0 not trusted, in the order of the input: for the neighbours' next
   * rounds. Only from rules with `usesOpinions`, and not in a round in which my own model was kept because there were
   * too few others.
   */
  readonly opinions?: readonly number[]
  /**
   * Pre-aggregators that found that what they take for granted does not hold for the models of this round, and have
   * left them as they are; absent when there is none. The result is still safe to use, with less protection.
   */
  readonly unfit?: readonly string[]
}

export interface Rule {
  readonly name: string
  /** The pre-aggregators in front of the rule, in the order in which they run; usually none. */
  readonly pre: readonly PreAggregatorSpec[]
  /** True: the rule or a pre-aggregator reads `RoundInput.memory` and returns `Aggregation.memory`. */
  readonly usesMemory: boolean
  /** True: a pre-aggregator reads `RoundInput.initial`. */
  readonly usesInitial: boolean
  /** The parameters in force, defaults filled in; those whose default depends on the neighbourhood are absent. */
  readonly params: Parameters
  /**
   * Combines one round. Never throws because of a neighbour's vector. If no usable model came, or the rule's
   * precondition fails with the models of this round, the result is `own`, bit for bit.
   *
   * @param out - where the result is written, length d; may be `own` or one of the neighbours' arrays itself
   * @throws RobustAggError E_ROUND_INPUT when the caller's part of the input (rounds, weights, out) is malformed
   */
  aggregate(input: RoundInput, out?: Float32Array): Aggregation
  /**
   * For use before a run: checks that the rule works with this number of neighbours (and these weights, if it reads
   * them).
   *
   * @throws RobustAggError E_TOO_FEW_NODES
   */
  checkNeighbourhood(neighbourCount: number, weights?: ArrayLike<number>): void
  /**
   * The largest number of Byzantine neighbours, out of `neighbourCount`, for which the rule's published guarantee
   * holds; null when the rule guarantees a bound on the step instead (BALANCE, a fixed clipping radius).
   */
  tolerated(neighbourCount: number, weights?: ArrayLike<number>): number | null
}

/** A pre-aggregator by name: see `listPreAggregators()`. */
export interface PreAggregatorSpec {
  readonly name: string
  readonly params?: Parameters | undefined
}

export interface RuleOptions {
  /** Run in this order before the rule; each works on all models, including the node's own. */
  readonly pre?: readonly PreAggregatorSpec[] | undefined
  /**
   * True: every round's input will carry an `evaluator`. Rules with `needsEvaluator` cannot be created without it.
   */
  readonly evaluator?: boolean | undefined
}

/** Description of a pre-aggregator in `listPreAggregators()`. */
export interface PreAggregatorInfo {
  readonly name: string
  readonly formula: string
  readonly params: readonly ParameterInfo[]
  readonly cost: string
  readonly source: string
  /** True: every output is a combination of models whose coefficients sum to 1. */
  readonly affine: boolean
  /** True: it also judges senders by earlier rounds, which are kept in `RoundInput.memory`. */
  readonly usesMemory: boolean
  /** True: `RoundInput.initial` matters. */
  readonly usesInitial: boolean
  /** True: it may leave models out, each with its own reason, in addition to mixing or shortening models. */
  readonly refuses: boolean
}

/** Description of a rule in `listRules()`. n counts the models including my own, f the Byzantine ones. */
export interface RuleInfo {
  readonly name: string
  /** One line of mathematics. */
  readonly formula: string
  readonly params: readonly ParameterInfo[]
  /** What must be known or assumed for the rule to protect. */
  readonly needs: string
  /** How much of the neighbourhood may be Byzantine. */
  readonly breakdown: string
  /** Arithmetic in n and d. */
  readonly cost: string
  /** Paper and section. */
  readonly source: string
  /** True: the result is a combination of models with the reported weights, which sum to 1. */
  readonly linear: boolean
  /** True: `RoundInput.weights` matter. */
  readonly usesWeights: boolean
  /**
   * True: it accepts all models, weighted, shortened or with trimmed coordinates, instead of refusing some: precision
   * and recall of its verdicts mean nothing. It still refuses unusable models, all models when there are too few, and
   * models that a radius of 0 shortens to nothing.
   */
  readonly weighsAll: boolean
  /** True: `RoundInput.evaluator` is required. */
  readonly needsEvaluator: boolean
  /**
   * True: the rule reads `RoundInput.memory` and returns `Aggregation.memory`; without it every round is like the
   * first.
   */
  readonly usesMemory: boolean
  /** True: `RoundInput.layers` matter. */
  readonly usesLayers: boolean
  /** True: the rule reads `RoundInput.opinions` and returns `Aggregation.opinions`. */
  readonly usesOpinions: boolean
  /** Parameters that make the rule run in a neighbourhood of six or more. */
  readonly example: Parameters
}
