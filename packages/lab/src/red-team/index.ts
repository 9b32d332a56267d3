export { openingCandidates, withCandidate } from './attack-candidates.js'
export { openingRuns, type RankedAttack, searchAttack, type Trial } from './attack-search.js'
