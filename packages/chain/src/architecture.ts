import type { Run, VerifySignature } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import type { z } from 'zod'
import type { Block, BlockBody, Candidate } from './block.js'
import type { ChainMessage, Payload } from './message.js'

/**
 * An architecture of a common chain, in one file: who proposes, what makes a block valid, which branch counts, when a
 * block is final, what its author earns. `rules` is what strangers need to verify a chain; `participant` is the
 * protocol that a member follows. Both are deterministic: time comes as events, randomness from the run.
 *
 * `S` is the standing of the members that follows from the blocks so far, such as stakes; `P` are the parameters.
 */
export interface Architecture<P = unknown, S = unknown> {
  /** As manifests and scenarios name it. */
  readonly name: string
  /** One sentence for people. */
  readonly summary: string
  /** Whether members compare models by the task's first metric, which must then be in [0, 1] with higher being better. */
  readonly comparesScores?: boolean | undefined
  /** Parameters with their defaults; every object is strict. */
  readonly params: z.ZodType<P>
  rules(init: RulesInit<P>): ChainRules<S>
  participant(init: ParticipantInit<P, S>): Participant
}

export interface RulesInit<P> {
  readonly run: Run
  readonly params: P
  /** How signatures inside proofs are checked. */
  readonly verify?: VerifySignature | undefined
}

/** What holds for every block, whoever looks at it. */
export interface ChainRules<S> {
  /** Before the first block. */
  readonly genesis: S
  /**
   * Throws ChainError E_BLOCK_PROPOSER, E_BLOCK_PROOF unless the block may follow `parent`. Size, signature, links and
   * lists were checked before.
   */
  check(block: Block, before: Branch<S>): void
  /** The standing after the block: rewards, slashing, bans. */
  after(block: Block, before: Branch<S>): S
  /** What the block adds to its branch, more than 0: the heaviest branch is the chain. */
  weight(block: Block, before: Branch<S>): number
  /** How many blocks must follow until a block is final. Undefined where members finalise blocks by their votes. */
  readonly confirmations?: number | undefined
  /**
   * What the next round begins with: the head, as soon as there is another, or whatever `adopt` of the participant names.
   * Where members finalise blocks by their votes it is always the latter.
   */
  readonly adoption?: 'head' | 'participant' | undefined
  /**
   * Which models a member aggregates: all that it collected (before any block), or those that `aggregate` of the
   * participant names once it was given `collected`. Default: all.
   */
  readonly aggregation?: 'all' | 'chosen' | undefined
}

/** A branch up to a block. */
export interface Branch<S> {
  /** Undefined before the first block. */
  readonly block: Block | undefined
  readonly standing: S
  /** The block that is `back` before `block`; undefined beyond the first. */
  ancestor(back: number): Block | undefined
}

/** What a member sees of the blocks that it has; all of them are valid. */
export interface ChainView<S> {
  /** The end of the chain: of the heaviest branch that contains the newest final block. */
  readonly head: Branch<S>
  get(cid: CID): Branch<S> | undefined
}

export interface ParticipantInit<P, S> extends RulesInit<P> {
  /** Peer id of this member. */
  readonly self: string
  readonly view: ChainView<S>
  /** Milliseconds since 1970, for what a block says of its time. */
  now(): number
}

/**
 * A member's part in the protocol: a state machine. It must never contradict what it has signed before: after a
 * restart it first gets its own messages and blocks again, and only then anything else.
 */
export interface Participant {
  handle(event: ChainEvent): readonly ChainEffect[]
}

export type ChainEvent =
  /**
   * Only where the participant chooses what is aggregated: this member trained, and collected these models for the round
   * after `parent`, its own among them, in member order. `aggregate` answers.
   */
  | { readonly type: 'collected'; readonly parent: CID | null; readonly candidates: readonly Candidate[] }
  /**
   * This member has a proposal for the round after the block that it adopted, null for the first round: it trained,
   * collected models and aggregated these candidates.
   */
  | {
      readonly type: 'ready'
      readonly parent: CID | null
      readonly candidates: readonly Candidate[]
      readonly aggregate: CID
    }
  /** A block was added, of this member or of another. `isHead`: the head has changed to it. */
  | { readonly type: 'block'; readonly block: Block; readonly isHead: boolean }
  /** A message of a member, this one included, with a checked signature. */
  | { readonly type: 'message'; readonly message: ChainMessage }
  | { readonly type: 'timeout'; readonly timer: string }
  /** The outcome of `check`. */
  | { readonly type: 'checked'; readonly block: CID; readonly isRight: boolean }
  /** The outcome of `evaluate`: the task's metric; null if the model could not be had. */
  | {
      readonly type: 'evaluated'
      readonly model: CID
      readonly on: EvaluationData
      readonly value: number | null
    }

/** This member's own test samples, or those that all members have. Where all have the same, these are the same. */
export type EvaluationData = 'own' | 'common'

export type ChainEffect =
  /** Aggregate the models of these members, and this member's own in any case. */
  | { readonly type: 'aggregate'; readonly members: readonly number[] }
  /** Sign a block after `parent` (null: the first) with this member's proposal and this proof. */
  | { readonly type: 'propose'; readonly parent: CID | null; readonly proof: BlockBody['proof'] }
  /** The same, once a `nonce` was found that makes the body's hash good enough: one in `difficulty` is. See `mining.ts`. */
  | {
      readonly type: 'mine'
      readonly parent: CID | null
      readonly proof: BlockBody['proof']
      readonly difficulty: number
    }
  | { readonly type: 'stop-mining' }
  /** Sign and send to all members; the message comes back as an event. */
  | { readonly type: 'send'; readonly payload: Payload }
  /** Send a block again that others may have missed. */
  | { readonly type: 'repeat'; readonly block: CID }
  /** A block is missing that others have. */
  | { readonly type: 'request'; readonly block: CID }
  | { readonly type: 'arm'; readonly timer: string; readonly ms: number }
  | { readonly type: 'disarm'; readonly timer: string }
  /**
   * Compute a block's aggregate again from its candidates. Where weight decides, this happens without being asked, and a
   * wrong block is no longer part of the chain.
   */
  | { readonly type: 'check'; readonly block: CID }
  | { readonly type: 'evaluate'; readonly model: CID; readonly on: EvaluationData }
  /** A block's proof says something that evaluation has shown to be wrong: it is no longer part of the chain. */
  | { readonly type: 'refuse'; readonly block: CID }
  /** The next round begins with this block's aggregate (null: with the run's initial model). */
  | { readonly type: 'adopt'; readonly block: CID | null }
  /** Votes have made this block final. */
  | { readonly type: 'finalise'; readonly block: CID }
