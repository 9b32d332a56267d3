/** Poisoning attacks, for tests, scenarios and benchmarks. */

export {
  type AdaptiveFixture,
  type AdaptiveSearch,
  findWorstSubmission,
  fixtureInput,
} from './adaptive.js'
export { alieZMax, inverseNormal } from './alie.js'
export { createAttack, listAttacks } from './registry.js'
export type {
  Attack,
  AttackInfo,
  AttackKnowledge,
  AttackVictim,
  AttackView,
  DataAttack,
  ModelAttack,
  SampleBatch,
} from './types.js'
