/**
 * Secure aggregation that still filters, as pure functions: sharing of vectors over a prime field, sums and distances of
 * shares, and decoding of what members say about them when some lie. No network, no clock, no files.
 *
 * @packageDocumentation
 */
export { type Answer, type DealtTo, type Held, isParcel, openParcel } from './dealing/answer.js'
export { type Challenge, challengeOf } from './dealing/challenge.js'
export { type Dealing, dealModel, type Parcel } from './dealing/deal-model.js'
export { type DealingPlan, type DealingPlanInit, dealingPlan } from './dealing/dealing-plan.js'
export { type DealingFault, type DealingVerdict, judgeDealing } from './dealing/judge-dealing.js'
export { elementsIn } from './dealing/parcel.js'
export {
  type NoisyStep,
  noiseFor,
  type PrivacySpent,
  privacySpent,
} from './differential-privacy/accountant.js'
export { addNoise, type Noise } from './differential-privacy/gaussian.js'
export {
  decodeMean,
  type Encoded,
  encodeModel,
  type FixedPoint,
  fixedPoint,
  MOST_LENGTH,
  MOST_WEIGHT,
} from './encoding/fixed-point.js'
export { SecaggError, type SecaggErrorCode } from './errors.js'
export { fieldKernels } from './field/choose-kernels.js'
export { centred, elementOf, P } from './field/field.js'
export type { FieldKernels } from './field/kernels.js'
export { groupsOf } from './groups/groups.js'
export { dealMasks } from './masks/deal-masks.js'
export {
  addMasks,
  type Mask,
  type MaskKeys,
  type MaskSecrets,
  maskKeys,
  masksOf,
  pairSeed,
  undone,
} from './masks/pairwise-masks.js'
export { dealSeed, openSeed } from './masks/shared-seed.js'
export { distanceShares, type OpenedDistances, openDistances, pairsOf } from './opening/distances.js'
export { type CheckedSum, checkSum, sumPoints, sumShare, sumValues } from './opening/sum.js'
export { derivedSeed, SEED_BYTES, SecretStream } from './random/secret-stream.js'
export { type Decision, decide, mayBeOpened, type NoSum } from './session/decide.js'
export { type Accused, type Finding, isRefusable, type MemberFault } from './session/findings.js'
export { countingOf, GroupSession } from './session/group-session.js'
export { checkPrivacy, type PrivacyMode, type PrivateGroup, privateGroup } from './session/private-group.js'
export { createPrivateSession, type PrivateSession } from './session/private-session.js'
export { type Selection, selectDealers } from './session/select-dealers.js'
export type {
  BlobName,
  GroupSessionInit,
  ParcelName,
  SessionEffect,
  SessionEvent,
  SessionPhase,
  VotedDecision,
} from './session/session-steps.js'
export {
  encodeTranscript,
  isOpenedSum,
  MOST_TRANSCRIPT_BYTES,
  type OpenedTranscript,
  openTranscript,
  type TranscriptInit,
  weightOf,
} from './session/transcript.js'
export { GroupWords } from './session/words.js'
export {
  dealVector,
  elementsOf,
  openVector,
  seededMembers,
  shareLength,
  type VectorShare,
} from './sharing/deal.js'
export { type Decoded, decode, type Point } from './sharing/decode.js'
export { pointOf, requireAgreement, type Scheme, secretPoint, sharingScheme } from './sharing/scheme.js'
