export { type ChainVerifier, createChainVerifier } from './chain.js'
export { compareBytes, decodeCanonical, encodeCanonical, equalBytes } from './codec.js'
export {
  decodeEntry,
  type Entry,
  type NeighbourRecord,
  type SignedEntry,
  signEntry,
  verifyEntry,
} from './entry.js'
export { ProtocolError, type ProtocolErrorCode } from './errors.js'
export { type Evidence, makeEvidence, openEvidence } from './evidence.js'
export { blobCid, cidFromDigest, DAG_CBOR, documentCid, RAW, sha256 } from './hashing.js'
export {
  createSigner,
  peerIdFromPublicKey,
  publicKeyFromPeerId,
  type Signer,
  verifySignature,
} from './identity.js'
export { DEFAULT_RUN_LIMITS, LIMITS } from './limits.js'
export {
  type LearningRateSchedule,
  type Manifest,
  manifestSchema,
  openManifest,
  PROTOCOL_VERSION,
  type Run,
  sealManifest,
} from './manifest.js'
export {
  type Announcement,
  contradicts,
  decodeAnnouncement,
  decodeHead,
  type Head,
  type SignedAnnouncement,
  type SignedHead,
  type SignedMessage,
  signAnnouncement,
  signHead,
  verifyAnnouncement,
  verifyHead,
} from './messages.js'
export {
  allocateModel,
  decodeModel,
  encodeModel,
  firstNonFinite,
  MODEL_HEADER_BYTES,
  type ModelBuffer,
} from './tensor-codec.js'
export { type RunTopics, runTopics, STREAM_PROTOCOLS } from './topics.js'
