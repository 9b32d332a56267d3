/**
 * A common chain for runs that want one: blocks, fork choice, finality, and the architectures that decide who writes.
 * Pure: network, clock, disk and models are the caller's.
 *
 * @packageDocumentation
 */
export type {
  Architecture,
  Branch,
  ChainEffect,
  ChainEvent,
  ChainRules,
  ChainView,
  EvaluationData,
  Participant,
  ParticipantInit,
  RulesInit,
} from './architecture.js'
export { type BftParams, bft, bftQuorum, leaderOf } from './architectures/bft.js'
export { type PoflParams, type PoflStanding, pofl } from './architectures/pofl.js'
export { drawProposer, type PosParams, type PosStanding, pos } from './architectures/pos.js'
export { type PowParams, type PowStanding, pow } from './architectures/pow.js'
export { type VbflParams, type VbflStanding, vbfl } from './architectures/vbfl.js'
export {
  type Block,
  type BlockBody,
  blockBody,
  type Candidate,
  checkLink,
  closingProposal,
  headsRoot,
  isClosing,
  type LedgerHead,
  openBlock,
  type Proposal,
  signBlock,
} from './block.js'
export { type Added, type BlockTree, createBlockTree } from './block-tree.js'
export {
  type ChainMember,
  type ChainMemberInit,
  createChainMember,
  type MemberInput,
  type MemberOutput,
  type SealBlock,
} from './chain-member.js'
export type { CustomArchitecture, CustomParameter, CustomRules } from './custom-architecture.js'
export { ChainError, type ChainErrorCode } from './errors.js'
export { type ChainMessage, type MessageBody, openMessage, type Payload, signMessage } from './message.js'
export { findNonce, hasWork, type MiningRange, NONCE_BYTES } from './mining.js'
export {
  ARCHITECTURES,
  type ChainSpec,
  chainSpec,
  type OpenChain,
  openChain,
  registerArchitecture,
} from './open-chain.js'
export { type ChainChecker, createChainChecker } from './verify-chain.js'
