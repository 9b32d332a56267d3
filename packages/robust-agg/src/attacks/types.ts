/** The interface of attacks. Attacks are for tests and simulations; a node never imports them. */

import type { ParameterInfo, Parameters } from '../parameters.js'
import type { Rng } from '../rng.js'

/** What the attacker must see: its own model, the models it received as a neighbour, or all honest models. */
export type AttackKnowledge = 'own' | 'neighbours' | 'all'

/**
 * What an attack reads from its view in addition to own, start, honest, round and rng:
 *
 * | need | field of the view | where a host gets it |
 * |---|---|---|
 * | `victim` | `victim`: model, weights | `createSurroundings(…).viewOf(…)`, once for each victim |
 * | `last-model` | `victim.lastModel` | what the victim sent last round |
 * | `recipient` | `recipient` | `viewOf`; craft once for each receiver of a round |
 * | `fiedler` | `fiedler`, `victim.fiedler` | `viewOf` |
 * | `probe` | `probe` | `createProbe` with the victim's rule and its honest neighbours |
 */
export type AttackNeed = 'victim' | 'last-model' | 'recipient' | 'fiedler' | 'probe'

export interface AttackVictim {
  /** x_i: the victim's model, length d. */
  readonly model: Float32Array
  /** W_ij of the victim for each of `honest`, 0 for those that are not its neighbours. */
  readonly honestWeights: ArrayLike<number>
  /** The mixing weight of all attackers at the victim, above 0. */
  readonly attackerWeight: number
  /** What the victim sent last round, length d; echo sends it back. */
  readonly lastModel?: Float32Array | undefined
  /** The victim's entry in `AttackView.fiedler`. */
  readonly fiedler?: number | undefined
}

/** What an attacker sees in one round. Read only. */
export interface AttackView {
  /** The attacker's own honestly trained model, length d. */
  readonly own: Float32Array
  /** The parameters that the round's local training began with, length d. */
  readonly start: Float32Array
  /** The honest models that the attack's knowledge covers, each of length d; may be empty. */
  readonly honest: readonly Float32Array[]
  readonly round: number
  readonly rounds: number
  readonly rng: Rng
  /** The receiver of the model; by default, attacks that need one use the first honest node, with equal weights. */
  readonly victim?: AttackVictim | undefined
  /** Index of the receiver in this round, from 0: equivocation sends two models. */
  readonly recipient?: number | undefined
  /** The Fiedler vector of the honest graph, one entry for each of `honest`: spectral moves along it. */
  readonly fiedler?: ArrayLike<number> | undefined
  /**
   * The victim's aggregate if every attacker sent this model, for line searches. Without it they keep their first
   * guess.
   */
  readonly probe?: ((submission: Float32Array) => Float32Array) | undefined
}

/** Bytes for up to 256 classes, int32 for more. */
export type Labels = Uint8Array | Int32Array

/** Samples in the form of a trainer. */
export interface SampleBatch {
  /** samples × (height·width·channels), row-major, channels last, in [0, 1]. */
  readonly features: Float32Array
  /** One per sample, in [0, classes). */
  readonly labels: Labels
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly classes: number
}

interface AttackBase {
  readonly name: string
  readonly knowledge: AttackKnowledge
  readonly needs: readonly AttackNeed[]
  readonly uses: readonly AttackNeed[]
  /** The parameters in force, defaults filled in. */
  readonly params: Parameters
}

export interface DataAttack extends AttackBase {
  readonly kind: 'data'
  /** Whether it changes images too, and not only labels. */
  readonly touchesImages: boolean
  /**
   * Poisoned copies of labels in [0, classes).
   *
   * @throws RobustAggError E_LABEL_RANGE
   */
  poisonLabels(labels: Labels, classes: number): Labels
  /**
   * Poisoned copies of samples; attacks on labels alone return the features unchanged.
   *
   * @throws RobustAggError E_LABEL_RANGE, or E_ATTACK_VIEW when the lengths do not fit
   */
  poisonSamples(samples: SampleBatch, rng: Rng): SampleBatch
}

export interface ModelAttack extends AttackBase {
  readonly kind: 'model'
  /** True: what it crafts takes the place of the attacker's training, and so is its own model everywhere. */
  readonly idles: boolean
  /**
   * The model to send, a fresh array of length d. Values beyond float32 become ±Infinity.
   *
   * @throws RobustAggError E_ATTACK_VIEW when `start`, a member of `honest` or the victim has another length
   */
  craft(view: AttackView): Float32Array
}

export type Attack = DataAttack | ModelAttack

export interface AttackInfo {
  readonly name: string
  readonly kind: Attack['kind']
  readonly knowledge: AttackKnowledge
  /** One line of mathematics. */
  readonly formula: string
  readonly params: readonly ParameterInfo[]
  /** Without these the attack does not do what its name says, only what `AttackView` documents for each. */
  readonly needs: readonly AttackNeed[]
  /** Optional: the attack does more harm with these. */
  readonly uses: readonly AttackNeed[]
  /** True: what it sends holds no training of its own, only that of others or none. */
  readonly ridesFree?: true
  /** What the attack sends when it sees no honest model; null when it needs none. */
  readonly withoutHonest: string | null
  readonly source: string
}

export interface DataAttackDefinition {
  readonly info: AttackInfo & { readonly kind: 'data' }
  readonly build: (params: Parameters) => DataPoison
}

/** What a data attack changes; a missing function leaves its part unchanged. */
export interface DataPoison {
  readonly labels?: DataAttack['poisonLabels']
  readonly samples?: DataAttack['poisonSamples']
}

export interface ModelAttackDefinition {
  readonly info: AttackInfo & { readonly kind: 'model' }
  /** See `ModelAttack.idles`; default: never. */
  readonly idles?: (params: Parameters) => boolean
  /** Called with views whose lengths have been checked. */
  readonly build: (params: Parameters) => ModelAttack['craft']
}
