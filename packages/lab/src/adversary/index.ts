export { createAdversary } from './adversary.js'
export type { HonestModels } from './honest-models.js'
export { isLedgerAttack } from './ledger-attacks.js'
export { knowledgeOf, type PlannedAttack, planAttack } from './planned-attack.js'
