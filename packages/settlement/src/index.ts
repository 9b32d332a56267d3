/**
 * Settlement on an EVM chain: stakes, evidence, verdicts, paid jobs, rewards and models' ownership.
 *
 * @packageDocumentation
 */
export { type Contradiction, contradictionIn, punishment } from './agent/evidence-bringer.js'
export { SettlementAgent, type SettlementAgentInit } from './agent/settlement-agent.js'
export { type Binding, bindingHash, bindPeer, boundPeer } from './binding.js'
export { type AccountStatus, accountAddress, accountStatus } from './client/account-status.js'
export { createEventReader, type EventReader } from './client/event-reader.js'
export { feesIn } from './client/fees.js'
export { localAccountKey } from './client/local-accounts.js'
export { type ClientInit, openClient, type SettlementClient } from './client/open-client.js'
export { type Call, Outbox, type OutboxInit } from './client/outbox.js'
export { type VerdictStatus, verdictsAgainst } from './client/verdicts-against.js'
export * as artifacts from './contracts/artifacts.js'
export {
  type Clients,
  DEFAULT_RULES,
  deployAll,
  deployContracts,
  type SettlementContracts,
  type SettlementRules,
} from './contracts/deploy.js'
export { type RevertReason, revertReason } from './contracts/revert-reason.js'
export { SettlementError, type SettlementErrorCode } from './errors.js'
export {
  createJobBoard,
  type JobBoard,
  type JobTerms,
  PLACE_SEPARATOR,
  type PostedJob,
  type PostedMember,
  postedIn,
} from './jobs/job-board.js'
export {
  checkTerms,
  type JobDocument,
  MEASURING_ROUNDS,
  MILLION,
  openJob,
  PAY,
  type Pay,
  runOfJob,
  type SealedJob,
  sampleRunOf,
  sealJob,
  targetTerms,
} from './jobs/job-document.js'
export { JOB_STATES, type JobState } from './jobs/job-state.js'
export { type JobMember, type JobStatus, jobStatus, type Loss, type Movement } from './jobs/job-status.js'
export {
  type FreeRider,
  headsOf,
  type JobResult,
  type JudgedRound,
  metricText,
  resultAt,
} from './jobs/outcome.js'
export { inOrder, registeredRun } from './jobs/registered-run.js'
export {
  type ContractStatement,
  contractStatement,
  membershipData,
  membershipSigner,
  type Outcome,
  outcomeData,
  retractionData,
  type SigningPlace,
  statementData,
  statementFields,
  type Verdict,
  verdictData,
} from './typed-data.js'
export type { Delivery, JobPolicy, JobSite, JobWorkerInit } from './worker/job-site.js'
export { JobWorker } from './worker/job-worker.js'
export { groundsOf } from './worker/settling.js'
