import { type Membership, NOTICE_ROUNDS } from '@tempered/node'
import { openChange, type Signer } from '@tempered/protocol'
import { z } from 'zod'
import { type ChangesDocument, changesDocument } from './changes-document.js'

const peer = z.string()
/** What an operator asks a node about the changes of its run: over the socket of a running one. */
export const changeRequestSchema = z.discriminatedUnion('ask', [
  z.strictObject({ ask: z.literal('list') }),
  z.strictObject({
    ask: z.literal('propose'),
    amendment: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('add'), member: peer }),
      z.strictObject({ kind: z.literal('remove'), member: peer }),
      z.strictObject({ kind: z.literal('replace'), member: peer, by: peer }),
      z.strictObject({ kind: z.literal('rounds'), rounds: z.int() }),
      z.strictObject({ kind: z.literal('deadlines'), deadlines: z.record(z.string(), z.int()) }),
    ]),
    /** 1-based round from which it holds; without it, soon. */
    from: z.int().min(1).optional(),
  }),
  /** The end of the CID of a change that waits. */
  z.strictObject({ ask: z.literal('approve'), change: z.string().min(1).max(128) }),
  /** A change with signatures that were made elsewhere, in base64. */
  z.strictObject({ ask: z.literal('take'), change: z.string().max(1_000_000) }),
])
export type ChangeRequest = z.input<typeof changeRequestSchema>

export interface ChangeReply {
  readonly changes: ChangesDocument
  /** CID and bytes (base64) of the change that was proposed, approved or taken; null for a question. */
  readonly change: string | null
  readonly bytes: string | null
}

/** Answers a request. What it leads to is on disk when it resolves. Throws ProtocolError E_CHANGE and others. */
export async function answerChangeRequest(
  value: unknown,
  membership: Membership,
  signer: Signer,
): Promise<ChangeReply> {
  const request = changeRequestSchema.parse(value)
  const message = carryOut(request, membership, signer)
  await membership.saved()
  return {
    changes: changesDocument(membership),
    change: message?.cid.toString() ?? null,
    bytes: message === undefined ? null : Buffer.from(message.bytes).toString('base64'),
  }
}

function carryOut(request: z.output<typeof changeRequestSchema>, membership: Membership, signer: Signer) {
  switch (request.ask) {
    case 'list':
      return undefined
    case 'propose': {
      const from = request.from === undefined ? membership.round + NOTICE_ROUNDS : request.from - 1
      return membership.propose(request.amendment, from, signer)
    }
    case 'approve':
      return membership.approve(request.change, signer)
    case 'take': {
      const bytes = new Uint8Array(Buffer.from(request.change, 'base64'))
      membership.take(bytes, 'self')
      return openChange(bytes)
    }
  }
}
