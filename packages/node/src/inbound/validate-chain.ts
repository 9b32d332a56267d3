import { type Block, type ChainMessage, openBlock, openMessage } from '@tempered/chain'
import type { Run } from '@tempered/protocol'
import { reject, rejecting } from './inbound-error.js'

/** A block from the wire, by itself. Others than its author may send it. Throws InboundError. */
export function validateBlock(bytes: Uint8Array, run: Run): Block {
  // [REJECT] Within the size limit, canonical, all fields of their types, lists in order, signed by its author.
  const block = rejecting(() => openBlock(bytes, run))
  // [REJECT] Of this run, by a member.
  requireMember(block.body, run)
  return block
}

/** A chain message from the wire, by itself. Throws InboundError. */
export function validateChainMessage(bytes: Uint8Array, run: Run): ChainMessage {
  const message = rejecting(() => openMessage(bytes))
  requireMember(message.body, run)
  return message
}

function requireMember({ run: id, author }: Block['body'] | ChainMessage['body'], run: Run): void {
  if (!id.equals(run.id)) throw reject('E_WRONG_RUN', 'of another run')
  if (!run.memberIndex.has(author)) throw reject('E_NOT_A_MEMBER', `${author} is not a member`)
}
