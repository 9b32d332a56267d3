import type { Run, Signer, VerifySignature } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import type { Architecture, Branch, ChainEffect, ChainEvent, EvaluationData } from './architecture.js'
import { type Block, type BlockBody, blockBody, closingProposal, type Proposal, signBlock } from './block.js'
import { type BlockTree, createBlockTree } from './block-tree.js'
import { type ChainMessage, signMessage } from './message.js'

/** What happens to a member of a chain. */
export type MemberInput =
  /** After a restart, before anything else: the blocks that were stored, and the member's own messages. */
  | {
      readonly type: 'restored'
      readonly blocks: readonly Block[]
      readonly messages: readonly ChainMessage[]
    }
  /** The member has trained, collected and aggregated on top of the block that it adopted; null for the first round. */
  | { readonly type: 'proposal'; readonly parent: CID | null; readonly proposal: Proposal }
  | { readonly type: 'block'; readonly block: Block }
  | { readonly type: 'message'; readonly message: ChainMessage }
  /** A nonce was found for the body that `mine` named. */
  | { readonly type: 'mined'; readonly body: BlockBody }
  | Extract<ChainEvent, { readonly type: 'collected' | 'timeout' | 'checked' | 'evaluated' }>

/** What the member asks for. Whatever it has signed must be on disk before it is sent. */
export type MemberOutput =
  | { readonly type: 'send-block'; readonly block: Block }
  | { readonly type: 'send-message'; readonly message: ChainMessage }
  | { readonly type: 'request'; readonly block: CID }
  | { readonly type: 'mine'; readonly body: BlockBody; readonly difficulty: number }
  | { readonly type: 'stop-mining' }
  | { readonly type: 'arm'; readonly timer: string; readonly ms: number }
  | { readonly type: 'disarm'; readonly timer: string }
  | { readonly type: 'check'; readonly block: Block }
  | { readonly type: 'evaluate'; readonly model: CID; readonly on: EvaluationData }
  /** The answer to `collected`; see {@link ChainEffect}. */
  | { readonly type: 'aggregate'; readonly members: readonly number[] }
  /**
   * The next round begins with this block's aggregate; `left`: blocks that were part of the chain before. After the last
   * round nothing is left to do but to wait until its block is final.
   */
  | { readonly type: 'adopted'; readonly block: Block | undefined; readonly left: readonly Block[] }
  | { readonly type: 'final'; readonly block: Block }
  /** Others have gone on with a branch that this member's final blocks exclude: the chain is split for good. */
  | { readonly type: 'apart'; readonly block: Block }

/** A member of a chain: blocks, fork choice and the protocol of its architecture, without network, clock and disk. */
export interface ChainMember<S> {
  readonly tree: BlockTree<S>
  /**
   * Throws ChainError for a block or a message that breaks the rules, and E_CHAIN_SPLIT where two final blocks exclude
   * each other.
   */
  handle(input: MemberInput): MemberOutput[]
}

export interface ChainMemberInit<P, S> {
  readonly run: Run
  readonly architecture: Architecture<P, S>
  readonly params: P
  readonly signer: Signer
  readonly verify?: VerifySignature | undefined
  /** Milliseconds since 1970. */
  now(): number
  /** Changes a block before it is signed: for members that do not keep to the protocol. */
  readonly seal?: SealBlock | undefined
}

/** @param before - the branch that the block follows */
export type SealBlock = (
  body: BlockBody,
  before: Branch<unknown>,
  member: { readonly run: Run; readonly signer: Signer },
) => BlockBody

/** What a member offers to follow a block. */
interface Offer {
  readonly parent: CID | null
  readonly proposal: Proposal
}

export function createChainMember<P, S>(init: ChainMemberInit<P, S>): ChainMember<S> {
  const { run, architecture, params, signer, verify, now, seal = (body) => body } = init
  const rules = architecture.rules({ run, params, verify })
  const tree = createBlockTree(run, rules)
  const participant = architecture.participant({ run, params, verify, now, self: signer.peerId, view: tree })
  const decidesByWeight = rules.confirmations !== undefined
  const adoptsHead = decidesByWeight && rules.adoption !== 'participant'
  let proposal: Offer | undefined
  let adopted: Block | undefined
  let finalHeight = 0

  /** A body with this member's proposal; undefined when its proposal follows another block. */
  const bodyAfter = (parent: CID | null, proof: BlockBody['proof']): BlockBody | undefined => {
    if (proposal === undefined || !isSame(proposal.parent, parent)) return undefined
    const before = parent === null ? undefined : tree.get(parent)?.block
    if (parent !== null && before === undefined) return undefined
    return { ...blockBody({ run, parent: before }, signer.peerId, proposal.proposal), proof }
  }

  const reportFinals = (out: MemberOutput[]): void => {
    const { final } = tree
    if (final === undefined || final.body.height <= finalHeight) return
    for (const block of tree.chain(finalHeight + 1))
      if (block.body.height <= final.body.height) out.push({ type: 'final', block })
    finalHeight = final.body.height
  }

  const adopt = (block: Block | undefined, left: readonly Block[], out: MemberOutput[]): void => {
    if (block?.cid.toString() === adopted?.cid.toString()) return
    adopted = block
    out.push({ type: 'adopted', block, left })
    close(out)
  }

  /** After the last round members go on with blocks that only make what came before final. */
  const close = (out: MemberOutput[]): void => {
    const last = run.manifest.training.rounds - 1
    if (adopted === undefined || adopted.body.round < last || (tree.final?.body.round ?? -1) >= last) return
    proposal = { parent: adopted.cid, proposal: closingProposal(adopted) }
    ready(proposal, out)
  }

  const add = (block: Block, isRight: boolean, out: MemberOutput[]): void => {
    // Where members vote, they ask for this before they do.
    const { added, missing, left } = tree.add(block, isRight || !decidesByWeight)
    if (missing !== undefined) out.push({ type: 'request', block: missing })
    const head = tree.head.block
    for (const one of added) {
      dispatch({ type: 'block', block: one, isHead: one === head }, out)
      if (tree.isApart(one.cid)) out.push({ type: 'apart', block: one })
      else if (decidesByWeight && !(isRight && one === block)) out.push({ type: 'check', block: one })
    }
    if (adoptsHead && added.length > 0) adopt(tree.head.block, left, out)
    reportFinals(out)
  }

  const judge = (cid: CID, isRight: boolean, out: MemberOutput[]): void => {
    const before = tree.head.block
    const left = tree.judge(cid, isRight)
    const head = tree.head.block
    if (head === before) return
    if (head !== undefined) dispatch({ type: 'block', block: head, isHead: true }, out)
    if (adoptsHead) adopt(head, left, out)
    reportFinals(out)
  }

  const perform = (effect: ChainEffect, out: MemberOutput[]): void => {
    switch (effect.type) {
      case 'propose': {
        const body = bodyAfter(effect.parent, effect.proof)
        if (body !== undefined)
          publish(signBlock(seal(body, tree.get(body.parent)!, { run, signer }), signer), out)
        return
      }
      case 'mine': {
        const body = bodyAfter(effect.parent, effect.proof)
        if (body !== undefined) out.push({ type: 'mine', body, difficulty: effect.difficulty })
        return
      }
      case 'send': {
        const message = signMessage(run, effect.payload, signer)
        out.push({ type: 'send-message', message })
        dispatch({ type: 'message', message }, out)
        return
      }
      case 'repeat': {
        const block = tree.get(effect.block)?.block
        if (block !== undefined) out.push({ type: 'send-block', block })
        return
      }
      case 'check': {
        const block = tree.get(effect.block)?.block
        if (block !== undefined) out.push({ type: 'check', block })
        return
      }
      case 'refuse':
        judge(effect.block, false, out)
        return
      case 'adopt':
        adopt(effect.block === null ? undefined : tree.get(effect.block)?.block, [], out)
        return
      case 'finalise':
        tree.finalise(effect.block)
        reportFinals(out)
        return
      default:
        out.push(effect)
    }
  }

  const publish = (block: Block, out: MemberOutput[]): void => {
    out.push({ type: 'send-block', block })
    add(block, true, out)
  }

  const ready = ({ parent, proposal: { candidates, aggregate } }: Offer, out: MemberOutput[]): void =>
    dispatch({ type: 'ready', parent, candidates, aggregate }, out)

  const dispatch = (event: ChainEvent, out: MemberOutput[]): void => {
    for (const effect of participant.handle(event)) perform(effect, out)
  }

  return {
    tree,
    handle(input) {
      const out: MemberOutput[] = []
      switch (input.type) {
        case 'restored':
          for (const block of input.blocks) add(block, true, out)
          for (const message of input.messages) dispatch({ type: 'message', message }, out)
          break
        case 'proposal':
          // The chain has gone on while the member worked; it will propose again.
          if (!isSame(input.parent, adopted?.cid ?? null)) break
          proposal = input
          ready(input, out)
          break
        case 'mined':
          publish(signBlock(input.body, signer), out)
          break
        case 'block':
          add(input.block, false, out)
          break
        case 'checked':
          if (decidesByWeight) judge(input.block, input.isRight, out)
          dispatch(input, out)
          break
        default:
          dispatch(input, out)
      }
      return out
    },
  }
}

function isSame(a: CID | null, b: CID | null): boolean {
  return a === null || b === null ? a === b : a.equals(b)
}
