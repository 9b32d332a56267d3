export { openingCandidates, withCandidate } from './attack-candidates.js'
export { openingRuns, type RankedAttack, searchWorstAttack, type Trial } from './attack-search.js'
