/**
 * A node of a run: network, rounds, training, ledger. `createNode` puts one together from a trainer of your own;
 * `openLocalNode` trains on a share of local data, `openProcessNode` in a process of your own.
 *
 * @packageDocumentation
 */
import './polyfill/promise-with-resolvers.js'

export { createRunRule, manifestRule } from './aggregate/run-rule.js'
export { type OpenBlob, openBytes } from './blobs/open-blob.js'
export { checkBlockEntry } from './chain/block-entry.js'
export { type ChainContents, ChainFileError, readChainFile } from './chain/chain-file.js'
export { runChain } from './chain/chain-run.js'
export { CHAIN_FILE } from './chain/chain-store.js'
export type { CommonChain, CommonChainEvents, Words } from './chain/common-chain.js'
export { type CreateMiner, type Miner, virtualMiner } from './chain/miner.js'
export { type Clock, sleep, systemClock } from './clock.js'
export {
  createMemberTraining,
  createProcessTraining,
  type MemberTrainingInit,
} from './differential-privacy/member-training.js'
export {
  checkNoisyRule,
  noiseForRun,
  privacyAfter,
  publishesLosses,
} from './differential-privacy/privacy-spent.js'
export { fetchChangesAt } from './epochs/change-exchange.js'
export {
  CHANGES_FILE,
  type ChangeStore,
  createChangeFile,
  createMemoryChanges,
} from './epochs/change-store.js'
export { type Invitation, readInvitation, writeInvitation } from './epochs/invitation.js'
export { bringInvitation, type JoinAnswer } from './epochs/join-exchange.js'
export { createMembership, type Membership, openMembership } from './epochs/membership.js'
export { NOTICE_ROUNDS } from './epochs/notice.js'
export { successorOf } from './epochs/successor.js'
export { errorCode, errorMessage, NodeError, type NodeErrorCode } from './errors.js'
export { EVIDENCE_FILE, openEvidenceLog } from './evidence/evidence-log.js'
export { differenceText, type Judgement, judgeEvidence } from './evidence/judge.js'
export { FAILPOINTS, type Failpoints, killAt, noFailpoints } from './failpoints.js'
export { writeFileAtomic } from './files.js'
export { createQuietLog } from './guard/quiet-log.js'
export {
  createIdentityFile,
  type Identity,
  identityFromSeed,
  randomIdentity,
  readIdentityFile,
} from './identity-file.js'
export {
  type AnnouncementIndex,
  type Contradiction,
  createAnnouncementIndex,
  type IndexedAnnouncement,
} from './ledger/announcement-index.js'
export { auditLedger, type LedgerAudit, type WrongRound } from './ledger/audit.js'
export { type BlobLookup, openBlobFolders, withInitialModel } from './ledger/blob-folders.js'
export { CarError } from './ledger/car.js'
export { diffLedgers, type LedgerDiff, type VerdictDifference } from './ledger/diff.js'
export type { Difference } from './ledger/difference.js'
export { readEvidenceFile } from './ledger/evidence-file.js'
export {
  type Alternative,
  explainNeighbour,
  findNeighbour,
  type LayerShare,
  type NeighbourExplanation,
} from './ledger/explain.js'
export { type ExportedBlobs, exportCar, exportNdjson } from './ledger/export.js'
export {
  collectFinals,
  type FinalVerdict,
  type KnownFinals,
  verifyAgainstFinals,
} from './ledger/final-heads.js'
export { LEDGER_FILE, readLedgerRun } from './ledger/ledger.js'
export { writeNewFile } from './ledger/new-file.js'
export {
  type CheckedProof,
  checkProofFile,
  packMisbehaviourProof,
  packWholeProof,
} from './ledger/proof-file.js'
export { ledgerEntries } from './ledger/read-entries.js'
export {
  createReplay,
  MissingBlobs,
  type Replay,
  type ReplayFinding,
} from './ledger/replay.js'
export { type LedgerVerdict, type SkippedRounds, verifyLedgerFile } from './ledger/verify.js'
export {
  type LocalNodeComponents,
  type LocalNodeInit,
  openLocalNode,
  openLocalTraining,
  openProcessNode,
  type ProcessNodeInit,
} from './local-node.js'
export { type Logger, logFormatters, silentLogger } from './logger.js'
export { createNetworkKey, readNetworkKey } from './network-key.js'
export { createNode } from './node.js'
export type { NodeEvents } from './node-events.js'
export type { NodeComponents, NodeInit } from './node-parts.js'
export { type NodeTrainerInit, openNodeTrainer } from './node-trainer.js'
export type { NeighbourStatus, WaitReason } from './operate/neighbour-status.js'
export type { NodeStatus } from './operate/node-status.js'
export { checkPrivateRun } from './private/open-sharing.js'
export { type PrivacyInit, privacySpec } from './private/privacy-spec.js'
export type { PrivateDeviation } from './private/private-deviation.js'
export type { PrivateMember, PrivateReport } from './private/private-report.js'
export { RELAY_LIMITS, type ReachOptions, type RelayLimits } from './reach/reach-options.js'
export { openRelayHost, type RelayHost, type RelayHostInit } from './reach/relay-host.js'
export {
  drawnInitialParameters,
  initialModelPath,
  keptInitialModel,
  manifestInitialParameters,
  readInitialModel,
  writeInitialModel,
} from './round/initial-model.js'
export type { LocalTraining } from './round/local-training.js'
export { HIGH_LOSS_ROUNDS, highLoss } from './round/loss-watch.js'
export { createManifestTraining, type EvaluationPlan, manifestTask } from './round/manifest-training.js'
export {
  GROUP_REFUSAL_REMEDY,
  ISOLATION_REMEDY,
  NO_AGREEMENT_REMEDY,
  NO_SUM,
  noticeLog,
  UNFIT_REMEDY,
} from './round/notice-log.js'
export { type ModelPublisher, plainPublisher } from './round/publisher.js'
export { type JudgedModel, judgedModels, type RoundReport } from './round/report.js'
export { type Notice, PHASES } from './round/state.js'
export { createRunManifest, DEFAULT_DEADLINES, DEFAULT_RULE, type RunManifestInit } from './run-manifest.js'
export type { TemperedNode } from './running-node.js'
export { createSharedReader } from './simulation/shared-reader.js'
export { createVirtualTime, type VirtualTime } from './simulation/virtual-time.js'
export { createMemoryDisk, type MemoryDisk } from './state/memory-stores.js'
export { lockOwner, lockState } from './state/state-lock.js'
export { type RunTopology, runTopology } from './topology.js'
export { fetchInitialModel } from './transport/fetch-initial-model.js'
export { fetchManifest } from './transport/fetch-manifest.js'
export {
  type DeliveryAnswer,
  deliverModel,
  fetchDocument,
  type Handover,
  type HandoverCall,
  type HandoverInit,
  openHandover,
} from './transport/handover.js'
export type { Libp2pNetworkComponents } from './transport/libp2p-network.js'
export { withMember } from './transport/member-client.js'
export { createMemoryHub, type MemoryHub } from './transport/memory-network.js'
export type { LocalSource, PeerConnection, RunNetwork } from './transport/network.js'
export { preloadNetwork } from './transport/preload.js'
export { type MemberProbe, probeMember } from './transport/probe-member.js'
export { FINALS_FILE, readFinals } from './witness/final-store.js'
