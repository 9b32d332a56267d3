import { decodeHead, LIMITS, type Run, type SignedHead, verifyHead } from '@tempered/protocol'
import { ignore, reject, rejecting } from './inbound-error.js'

/** Newest head known of each author, by peer id. */
export type HeadBook = Map<string, SignedHead>

/** A signed ledger head from the wire. Throws InboundError. */
export function validateHead(bytes: Uint8Array, run: Run, book: HeadBook, publisher: string): SignedHead {
  // [REJECT] Within the size limit, canonical, all fields of their types.
  if (bytes.byteLength > LIMITS.maxHeadBytes) throw reject('E_TOO_LARGE', 'head over the size limit')
  const message = rejecting(() => decodeHead(bytes))
  const { body } = message
  // [REJECT] Of this run, by a member, published by its author.
  if (!body.run.equals(run.id)) throw reject('E_WRONG_RUN', 'head of another run')
  if (!run.memberIndex.has(body.author)) throw reject('E_NOT_A_MEMBER', `${body.author} is no member`)
  if (publisher !== body.author) throw reject('E_WRONG_AUTHOR', 'published by another peer')
  // [REJECT] For a round of the run, and no more entries than rounds.
  if (body.round >= run.manifest.training.rounds || body.height > body.round) {
    throw reject('E_ROUND_RANGE', `height ${body.height} at round ${body.round}`)
  }
  // [IGNORE] Newer than what is known.
  const known = book.get(body.author)
  if (known !== undefined && known.body.height >= body.height)
    throw ignore('E_DUPLICATE', 'not newer than known')
  // [REJECT] Signed by its author.
  rejecting(() => verifyHead(message))
  return message
}
