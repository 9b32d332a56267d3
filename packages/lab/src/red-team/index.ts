export { type IsPossible, openingCandidates, possibleAttacks, withCandidate } from './attack-candidates.js'
export { openingRuns, type RankedAttack, searchWorstAttack, type Trial } from './attack-search.js'
export { harmText, harmTitle } from './harm.js'
