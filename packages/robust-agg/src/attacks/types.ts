/** What an attack is. Attacks are for tests and simulations; a node never imports them. */

import type { ParameterInfo, Parameters } from '../parameters.js'
import type { Rng } from '../rng.js'

/** What the attacker must see: its own model, the models it received as a neighbour, or all honest models. */
export type AttackKnowledge = 'own' | 'neighbours' | 'all'

export interface AttackVictim {
  /** x_i: the victim's model, length d. */
  readonly model: Float32Array
  /** W_ij of the victim for each of `honest`, 0 for those that are not its neighbours. */
  readonly honestWeights: ArrayLike<number>
  /** The mixing weight of all attackers at the victim, above 0. */
  readonly attackerWeight: number
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
  /** Only dissensus reads it; left out, it takes the first honest node as victim, with equal weights. */
  readonly victim?: AttackVictim | undefined
}

interface AttackBase {
  readonly name: string
  readonly knowledge: AttackKnowledge
  /** The parameters in force, defaults filled in. */
  readonly params: Parameters
}

export interface DataAttack extends AttackBase {
  readonly kind: 'data'
  /**
   * Poisoned copies of labels in [0, classes).
   *
   * @throws RobustAggError E_LABEL_RANGE
   */
  poisonLabels(labels: Uint8Array, classes: number): Uint8Array
}

export interface ModelAttack extends AttackBase {
  readonly kind: 'model'
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
  /** What the attack sends when it sees no honest model; null where it needs none. */
  readonly withoutHonest: string | null
  readonly source: string
}

export interface DataAttackDefinition {
  readonly info: AttackInfo & { readonly kind: 'data' }
  readonly build: (params: Parameters) => DataAttack['poisonLabels']
}

export interface ModelAttackDefinition {
  readonly info: AttackInfo & { readonly kind: 'model' }
  /** Called with views whose lengths have been checked. */
  readonly build: (params: Parameters) => ModelAttack['craft']
}
