/** Poisoning attacks, for tests, scenarios and benchmarks. */

export {
  type AdaptiveFixture,
  type AdaptiveSearch,
  findWorstSubmission,
  fixtureInput,
} from './adaptive.js'
export { alieZMax, inverseNormal } from './alie.js'
export { withTrigger } from './poisoned-samples.js'
export { createProbe, type ProbeInit } from './probe.js'
export { createAttack, listAttacks } from './registry.js'
export {
  type AttackSurroundings,
  createSurroundings,
  type SurroundingsInit,
  type SurroundingView,
  type VictimView,
} from './surroundings.js'
export type {
  Attack,
  AttackInfo,
  AttackKnowledge,
  AttackNeed,
  AttackVictim,
  AttackView,
  DataAttack,
  ModelAttack,
  SampleBatch,
} from './types.js'
