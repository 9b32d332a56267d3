/**
 * Settlement on an EVM chain: stakes, evidence, verdicts, paid jobs, rewards and models' ownership.
 *
 * @packageDocumentation
 */
export { type Binding, bindingHash, bindPeer, boundPeer } from './binding.js'
export { type ClientInit, openClient, type SettlementClient } from './client/open-client.js'
export { type Call, Outbox, type OutboxInit } from './client/outbox.js'
export * as artifacts from './contracts/artifacts.js'
export {
  type Clients,
  DEFAULT_RULES,
  deployContracts,
  type SettlementContracts,
  type SettlementRules,
} from './contracts/deploy.js'
export { type RevertReason, revertReason } from './contracts/revert-reason.js'
export { SettlementError, type SettlementErrorCode } from './errors.js'
export {
  JOB_STATES,
  type JobMember,
  type JobState,
  type JobStatus,
  jobStatus,
  type Loss,
  type Movement,
} from './jobs/job-status.js'
export {
  type ContractStatement,
  contractStatement,
  membershipData,
  type Outcome,
  outcomeData,
  retractionData,
  type SigningPlace,
  statementData,
  statementFields,
  type Verdict,
  verdictData,
} from './typed-data.js'
