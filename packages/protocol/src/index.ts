export {
  type Announcement,
  announcementStatement,
  contradicts,
  decodeAnnouncement,
  openAnnouncement,
  type SignedAnnouncement,
  signAnnouncement,
  verifyAnnouncement,
  verifyAnnouncementStatement,
} from './announcement.js'
export {
  type ChainRules,
  type ChainVerifier,
  createChainVerifier,
  type OpenAnnouncement,
  scoresNeighbours,
} from './chain.js'
export { compareBytes, decodeCanonical, encodeCanonical, equalBytes } from './codec.js'
export { type CheckedConsistency, checkConsistency, proveConsistency } from './consistency-proof.js'
export {
  contributionsOf,
  isFreeRider,
  type MemberContribution,
  type ScoredRound,
  summariseRounds,
} from './contribution.js'
export {
  COSIGNED_PER_MEMBER,
  type CosignedReference,
  commonRound,
  maxCosignedOthers,
} from './cosigned-reference.js'
export {
  type DifferentialPrivacy,
  noisySteps,
  type PrivacyRecord,
  privacyProblem,
} from './differential-privacy.js'
export {
  type Contribution,
  decodeEntry,
  type Entry,
  FREE_RIDE_REASONS,
  type FreeRideReason,
  type NeighbourContribution,
  type NeighbourRecord,
  type OwnContribution,
  type SignedEntry,
  signEntry,
  verifyEntry,
} from './entry.js'
export type { ProblemOf } from './epochs/amend.js'
export {
  type Amendment,
  approvalOf,
  approveChange,
  type ChangeInit,
  type ChangeMessage,
  isChangeBlock,
  openChange,
  proposeChange,
} from './epochs/change.js'
export { electorateOf, isDecided, isOwnAffair } from './epochs/electorate.js'
export {
  checkChangeable,
  type DecidedChange,
  type EpochBook,
  isChangeable,
  type Offer,
  openEpochs,
} from './epochs/epoch-book.js'
export { ProtocolError, type ProtocolErrorCode } from './errors.js'
export {
  accuseEntry,
  accuseModel,
  decodeEvidence,
  type Evidence,
  type EvidenceKind,
  makeEntryEvidence,
  makeEvidence,
  makeForkEvidence,
  makeGroupWordEvidence,
  openEvidence,
  provesItself,
} from './evidence.js'
export {
  bytesField,
  counter,
  digestField,
  documentLink,
  modelLink,
  namedValues,
  parseFields,
  peerIdField,
  signatureField,
} from './fields.js'
export { createFinalityTracker, type FinalHead, type FinalityTracker } from './finality.js'
export {
  decodeGroupWord,
  type GroupWord,
  type GroupWordBody,
  type GroupWordKind,
  type GroupWordOf,
  groupWordsContradict,
  type SignedGroupWord,
  signGroupWord,
  verifyGroupWord,
} from './group-word.js'
export {
  blobCid,
  cidFromDigest,
  DAG_CBOR,
  documentCid,
  plainBytes,
  RAW,
  SHA2_256,
  sha256,
  sha256Of,
} from './hashing.js'
export {
  asWitnessed,
  type Cosignature,
  decodeHead,
  decodeHeadMessage,
  entryLeaf,
  forks,
  type Head,
  type HeadMessage,
  headStatement,
  type SignedHead,
  signHead,
  verifyCosignature,
  verifyHead,
  verifyHeadStatement,
  viewOfHead,
  type WitnessedHead,
} from './head.js'
export {
  createSigner,
  peerIdFromPublicKey,
  publicKeyFromPeerId,
  type Signer,
  verifySignature,
} from './identity.js'
export { type CheckedInclusion, checkInclusion, proveInclusion } from './inclusion-proof.js'
export { issueText, likelyIssues, valueAt } from './issue-text.js'
export { DEFAULT_RUN_LIMITS, LIMITS } from './limits.js'
export {
  isSameEpoch,
  type LearningRateSchedule,
  type Manifest,
  manifestSchema,
  openManifest,
  PROTOCOL_VERSION,
  type Run,
  type RunChange,
  sealManifest,
} from './manifest.js'
export {
  type CompactRange,
  consistencyPath,
  createCompactRange,
  inclusionPath,
  isConsistent,
  leafHash,
  merkleRoot,
  rootFromInclusion,
} from './merkle.js'
export { finalityQuorum } from './quorum.js'
export {
  type SignedKind,
  type SignedMessage,
  signBody,
  type VerifySignature,
  verifySigned,
} from './signing.js'
export {
  type AccountSigner,
  createAccountSigner,
  isAddress,
  STATEMENT_KINDS,
  type Statement,
  type StatementPlace,
  statementHash,
  statementSigner,
} from './statement.js'
export {
  allocateModel,
  decodeModel,
  encodeModel,
  firstNonFinite,
  MODEL_HEADER_BYTES,
  type ModelBuffer,
  modelOver,
  readModelHeader,
} from './tensor-codec.js'
export { type RunTopics, runTopics, STREAM_PROTOCOLS } from './topics.js'
