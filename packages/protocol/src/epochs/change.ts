import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import { decodeCanonical, encodeCanonical, equalBytes } from '../codec.js'
import { deadlineFields } from '../deadlines.js'
import { ProtocolError } from '../errors.js'
import { bytesField, counter, documentLink, parseFields, peerIdField, signatureField } from '../fields.js'
import { documentCid } from '../hashing.js'
import type { Signer } from '../identity.js'
import { LIMITS } from '../limits.js'
import { isSameEpoch, type Run } from '../manifest.js'
import { signBody, verifySigned } from '../signing.js'

/** Version of the documents of this folder. */
export const CHANGE_VERSION = 1

const amendmentSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('add'), member: peerIdField }),
  z.strictObject({ kind: z.literal('remove'), member: peerIdField }),
  /** `by` takes the place of `member`: a new key of the same organisation. */
  z.strictObject({ kind: z.literal('replace'), member: peerIdField, by: peerIdField }),
  z.strictObject({ kind: z.literal('rounds'), rounds: z.int().min(1).max(LIMITS.maxRounds) }),
  z.strictObject({ kind: z.literal('deadlines'), deadlines: z.strictObject(deadlineFields).partial() }),
])
/** What a change does. */
export type Amendment = z.infer<typeof amendmentSchema>

/**
 * A change of a run that its members (or owners) agree on while it goes on. It says nothing of who proposes it: two who
 * propose the same propose one change.
 */
const changeSchema = z.strictObject({
  kind: z.literal('tempered/change'),
  version: z.literal(CHANGE_VERSION),
  run: documentLink,
  /** Epoch whose members decide about it; null for the manifest as it was made. */
  base: documentLink.nullable(),
  /** 0-based round from which it holds, or from when a node hears of it if that is later. */
  from: counter,
  amendment: amendmentSchema,
})
export type Change = z.infer<typeof changeSchema>

const approvalField = z.strictObject({ author: peerIdField, signature: signatureField })
/** A signature under a change. */
export type Approval = z.infer<typeof approvalField>

const messageSchema = z.strictObject({
  change: bytesField,
  approvals: z.array(approvalField).min(1).max(LIMITS.maxMembers),
  /** What `base` stands for. Not signed, since the base is its hash. */
  baseChanges: z.array(documentLink).max(LIMITS.maxChanges),
})

/** A change with the signatures under it so far, in order of peer id; each is checked. */
export interface ChangeMessage {
  /** CID of the change, without its signatures: the same for everybody. */
  readonly cid: CID
  readonly change: Change
  readonly changeBytes: Uint8Array
  readonly approvals: readonly Approval[]
  /**
   * CIDs of the changes that lead to its base, in order of effect: whoever has all of them knows who decides, also where it
   * has others besides and never was in that epoch.
   */
  readonly baseChanges: readonly CID[]
  /** Canonical bytes of change, signatures and base, as they travel and stand in ledgers. */
  readonly bytes: Uint8Array
}

export interface ChangeInit {
  readonly run: Run
  /** 0-based. */
  readonly from: number
  readonly amendment: Amendment
}

/** A change of the epoch that `run` is a view of, signed by its first approver. Throws E_MALFORMED for wrong fields. */
export function proposeChange({ run, from, amendment }: ChangeInit, signer: Signer): ChangeMessage {
  const value: Change = {
    kind: 'tempered/change',
    version: CHANGE_VERSION,
    run: run.id,
    base: run.epoch ?? null,
    from,
    amendment,
  }
  const changeBytes = encodeCanonical(parseFields(changeSchema, value, 'change'))
  checkAmendment(amendment)
  const baseChanges = run.changes.map(({ cid }) => cid)
  return approveChange(seal({ change: value, changeBytes, baseChanges }, []), signer)
}

/** Adds a signature; the same message where it is there already. */
export function approveChange(message: ChangeMessage, signer: Signer): ChangeMessage {
  const author = signer.peerId
  const { signature } = signBody('approval', { author, change: message.cid }, signer)
  return withApprovals(message, [{ author, signature }])
}

/** The message with more signatures, which must have been checked; the same object where none is new. */
export function withApprovals(message: ChangeMessage, more: readonly Approval[]): ChangeMessage {
  const all = new Map(message.approvals.map((approval) => [approval.author, approval]))
  for (const approval of more) if (!all.has(approval.author)) all.set(approval.author, approval)
  if (all.size === message.approvals.length) return message
  return seal(message, [...all.values()])
}

/** The change with the signature of one peer alone; undefined where that has not signed. */
export function approvalOf(message: ChangeMessage, peer: string): ChangeMessage | undefined {
  const approvals = message.approvals.filter(({ author }) => author === peer)
  return approvals.length === 0 ? undefined : seal(message, approvals)
}

/**
 * Checks size, encoding, fields, order and every signature; not who signed, which depends on the epoch. Throws
 * E_TOO_LARGE, E_MALFORMED, E_NOT_CANONICAL, E_SIGNATURE.
 *
 * @param knownOf - what is known of a change already: signatures that are the same are not checked again
 */
export function openChange(
  bytes: Uint8Array,
  knownOf: (cid: CID) => ChangeMessage | undefined = () => undefined,
): ChangeMessage {
  const value = decodeCanonical(bytes, LIMITS.maxChangeBytes, 'change')
  const { change: changeBytes, approvals, baseChanges } = parseFields(messageSchema, value, 'change')
  const decoded = decodeCanonical(changeBytes, LIMITS.maxChangeBytes, 'change')
  const change = parseFields(changeSchema, decoded, 'change')
  checkAmendment(change.amendment)
  const base = epochId(change.run, baseChanges)
  if (!isSameEpoch(change.base, base))
    throw new ProtocolError('E_MALFORMED', 'change, field baseChanges: they do not lead to its base')
  const cid = documentCid(changeBytes)
  const checked = new Map(knownOf(cid)?.approvals.map(({ author, signature }) => [author, signature]))
  for (const [k, { author, signature }] of approvals.entries()) {
    if (k > 0 && approvals[k - 1]!.author >= author)
      throw new ProtocolError('E_MALFORMED', 'change: signatures are not in order of peer id, each once')
    const before = checked.get(author)
    if (before !== undefined && equalBytes(before, signature)) continue
    const body = { author, change: cid }
    verifySigned('approval', { body, signature, bytes: encodeCanonical({ body, signature }) })
  }
  return { cid, change, changeBytes, approvals, baseChanges, bytes }
}

function checkAmendment(amendment: Amendment): void {
  if (amendment.kind === 'deadlines' && Object.keys(amendment.deadlines).length === 0)
    throw new ProtocolError('E_MALFORMED', 'change, field amendment.deadlines: changes nothing')
  if (amendment.kind === 'replace' && amendment.member === amendment.by)
    throw new ProtocolError('E_MALFORMED', 'change, field amendment.by: replaces a key by itself')
}

/** Whether canonical bytes of a ledger's block are a change, not an entry. */
export function isChangeBlock(bytes: Uint8Array): boolean {
  // Keys are sorted by length: entries begin with "body", changes with "change".
  return bytes[0] === 0xa3 && bytes[1] === 0x66
}

/** The CID that stands for a set of changes, which are in order of effect; undefined for none. */
export function epochId(run: CID, changes: readonly CID[]): CID | undefined {
  if (changes.length === 0) return undefined
  return documentCid(encodeCanonical({ kind: 'tempered/epoch', run, changes: [...changes] }))
}

type Unsigned = Pick<ChangeMessage, 'change' | 'changeBytes' | 'baseChanges'>

function seal({ change, changeBytes, baseChanges }: Unsigned, approvals: readonly Approval[]): ChangeMessage {
  const sorted = [...approvals].sort((a, b) => (a.author < b.author ? -1 : 1))
  return {
    ...{ cid: documentCid(changeBytes), change, changeBytes, approvals: sorted, baseChanges },
    bytes: encodeCanonical({ change: changeBytes, approvals: sorted, baseChanges: [...baseChanges] }),
  }
}
