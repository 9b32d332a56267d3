/** Poisoning attacks, for tests, scenarios and benchmarks. */

export { createAttack, listAttacks } from './registry.js'
export type {
  Attack,
  AttackInfo,
  AttackKnowledge,
  AttackVictim,
  AttackView,
  DataAttack,
  ModelAttack,
} from './types.js'
