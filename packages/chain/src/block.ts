import {
  counter,
  decodeCanonical,
  digestField,
  documentCid,
  documentLink,
  encodeCanonical,
  equalBytes,
  LIMITS,
  leafHash,
  merkleRoot,
  modelLink,
  namedValues,
  PROTOCOL_VERSION,
  parseFields,
  peerIdField,
  type Run,
  type SignedMessage,
  type Signer,
  signatureField,
  signBody,
  type VerifySignature,
  verifySigned,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import { ChainError } from './errors.js'

/** A member's ledger at the end of the block's round: `member` is its index in the manifest. */
const ledgerHeadSchema = z.strictObject({ member: counter, entry: documentLink })
export type LedgerHead = z.infer<typeof ledgerHeadSchema>

/** A model that the proposer aggregated. */
const candidateSchema = z.strictObject({ member: counter, model: modelLink })
export type Candidate = z.infer<typeof candidateSchema>

const blockSchema = z.strictObject({
  version: z.literal(PROTOCOL_VERSION),
  run: documentLink,
  /** The proposer. */
  author: peerIdField,
  /** 1 for the first block. */
  height: z.int().min(1),
  /** CID of the block before, or the run id for the first. */
  parent: documentLink,
  /**
   * 0-based; one higher than the parent's, 0 for the first. Blocks after the last round of the run close the chain: they
   * have no candidates and keep the aggregate, and follow until the last round's block is final.
   */
  round: counter,
  /** Newest entries of the members' own ledgers that the proposer knows, in member order: the chain orders them. */
  heads: z.array(ledgerHeadSchema).max(LIMITS.maxMembers),
  /** Root of the Merkle tree (RFC 9162) over `heads`. */
  headsRoot: digestField,
  /** In member order; what went into the aggregate, and what was refused, is in the proposer's entry. */
  candidates: z.array(candidateSchema).max(LIMITS.maxMembers),
  /** The common model after this block. */
  aggregate: modelLink,
  /** What makes the block valid in its architecture. */
  proof: namedValues(z.string().min(1).max(64), z.unknown()),
})
export type BlockBody = z.infer<typeof blockSchema>

export interface Block extends SignedMessage<BlockBody> {
  readonly cid: CID
}

/** What a member offers for a round: the part of a block that does not depend on the architecture. */
export type Proposal = Pick<BlockBody, 'round' | 'heads' | 'candidates' | 'aggregate'>

const signedBlockSchema = z.strictObject({ body: blockSchema, signature: signatureField })

export function headsRoot(heads: readonly LedgerHead[]): Uint8Array {
  return merkleRoot(heads.map((head) => leafHash(encodeCanonical(head))))
}

export interface BlockPlace {
  readonly run: Run
  /** Undefined for the first block. */
  readonly parent: Block | undefined
}

/** The body of a block that follows `parent`, without its proof. */
export function blockBody(
  { run, parent }: BlockPlace,
  author: string,
  proposal: Proposal,
): Omit<BlockBody, 'proof'> {
  return {
    version: PROTOCOL_VERSION,
    run: run.id,
    author,
    height: (parent?.body.height ?? 0) + 1,
    parent: parent?.cid ?? run.id,
    round: proposal.round,
    heads: proposal.heads,
    headsRoot: headsRoot(proposal.heads),
    candidates: proposal.candidates,
    aggregate: proposal.aggregate,
  }
}

export function signBlock(body: BlockBody, signer: Signer): Block {
  const message = signBody('block', body, signer)
  return { ...message, cid: documentCid(message.bytes) }
}

/**
 * Decodes a block and checks everything that needs neither its parent nor its architecture: size, encoding, fields,
 * lists, signature. Throws ProtocolError, and ChainError E_BLOCK_LISTS.
 */
export function openBlock(bytes: Uint8Array, run: Run, verify?: VerifySignature): Block {
  const value = decodeCanonical(bytes, LIMITS.maxBlockBytes, 'block')
  const block = { ...parseFields(signedBlockSchema, value, 'block'), bytes, cid: documentCid(bytes) }
  const { body } = block
  const members = run.manifest.members.length
  checkOrder('heads', body.heads, members)
  checkOrder('candidates', body.candidates, members)
  if (!equalBytes(body.headsRoot, headsRoot(body.heads)))
    throw new ChainError('E_BLOCK_LISTS', `block ${body.height}: headsRoot is not the root of its heads`)
  verifySigned('block', block, verify)
  return block
}

function checkOrder(name: string, list: readonly { readonly member: number }[], members: number): void {
  let before = -1
  for (const { member } of list) {
    if (member <= before || member >= members) {
      throw new ChainError(
        'E_BLOCK_LISTS',
        `block, field ${name}: member ${member} is named twice, out of order, or not in a run of ${members}`,
      )
    }
    before = member
  }
}

/** Throws ChainError E_BLOCK_LINK, E_BLOCK_PROPOSER unless the block follows its parent in this run. */
export function checkLink({ body }: Block, { run, parent }: BlockPlace): void {
  const where = `block ${body.height} of ${body.author}`
  const wrong = (what: string): ChainError => new ChainError('E_BLOCK_LINK', `${where}: ${what}`)
  if (!body.run.equals(run.id)) throw wrong(`it is of run ${body.run}, not of ${run.id}`)
  if (!run.memberIndex.has(body.author))
    throw new ChainError('E_BLOCK_PROPOSER', `${where}: its author is not a member of the run`)
  const height = (parent?.body.height ?? 0) + 1
  if (body.height !== height) throw wrong(`the height after its parent is ${height}`)
  if (!body.parent.equals(parent?.cid ?? run.id)) throw wrong('its parent is another block')
  const round = parent === undefined ? 0 : parent.body.round + 1
  if (body.round !== round) throw wrong(`it decides round ${body.round}, after its parent comes ${round}`)
  if (!isClosing(body, run)) {
    if (body.candidates.length === 0) throw wrong('it has no candidates')
    return
  }
  if (body.candidates.length > 0 || parent === undefined || !body.aggregate.equals(parent.body.aggregate))
    throw wrong('it follows the last round of the run, so it must have no candidates and keep the aggregate')
}

/** Whether a block comes after the last round of the run. */
export function isClosing({ round }: Pick<BlockBody, 'round'>, { manifest }: Run): boolean {
  return round >= manifest.training.rounds
}

/** What any member offers after the last round. */
export function closingProposal({ body }: Block): Proposal {
  return { round: body.round + 1, heads: [], candidates: [], aggregate: body.aggregate }
}
