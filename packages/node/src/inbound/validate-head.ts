import { forks, type HeadMessage, LIMITS, type Run, type SignedHead } from '@tempered/protocol'
import { ignore, reject, rejecting } from './inbound-error.js'
import type { MessageReader } from './message-reader.js'

/** The newest heads of each member by height, and how often each was restated with other co-signatures. */
export interface HeadBook {
  /** The remembered head of this author at a height, if any. */
  find(author: string, height: number): SignedHead | undefined
  newestHeight(author: string): number
  note(head: SignedHead): void
  /** Messages accepted for the author's newest height. */
  statements(author: string): number
}

/** Heights remembered per member. */
const REMEMBERED_HEIGHTS = 8
/** Most messages accepted for one height: the head itself, and later ones that co-sign more. */
const MAX_STATEMENTS = 16

export function createHeadBook(): HeadBook {
  const byAuthor = new Map<string, { heads: SignedHead[]; statements: number }>()
  return {
    find: (author, height) => byAuthor.get(author)?.heads.find((head) => head.body.height === height),
    newestHeight: (author) => byAuthor.get(author)?.heads.at(-1)?.body.height ?? -1,
    note(head) {
      const { author, height } = head.body
      const known = byAuthor.get(author) ?? { heads: [], statements: 0 }
      byAuthor.set(author, known)
      if (known.heads.at(-1)?.body.height === height) {
        known.statements += 1
        return
      }
      known.heads = [...known.heads, head].slice(-REMEMBERED_HEIGHTS)
      known.statements = 1
    },
    statements: (author) => byAuthor.get(author)?.statements ?? 0,
  }
}

/**
 * A signed head message from the wire. `fork` is set when its author has shown a different ledger of that height
 * before. Throws InboundError.
 */
export function validateHead(
  bytes: Uint8Array,
  run: Run,
  book: HeadBook,
  publisher: string,
  reader: MessageReader,
): { readonly message: HeadMessage; readonly fork: SignedHead | undefined } {
  // [REJECT] Within the size limit, canonical, all fields of their types, with the list that its signature covers.
  if (bytes.byteLength > LIMITS.maxHeadMessageBytes) throw reject('E_TOO_LARGE', 'head over the size limit')
  const message = rejecting(() => reader.head(bytes, run))
  const { head } = message
  const { body } = head
  // [REJECT] Of this run, published by its author, a member.
  if (!body.run.equals(run.id)) throw reject('E_WRONG_RUN', 'head of another run')
  if (publisher !== body.author) throw reject('E_WRONG_AUTHOR', 'published by another peer')
  if (!run.memberIndex.has(body.author)) throw reject('E_NOT_A_MEMBER', `${body.author} is not a member`)
  // [REJECT] For a round of the run, and no more entries than rounds.
  if (body.round >= run.manifest.training.rounds || body.height > body.round) {
    throw reject('E_ROUND_RANGE', `height ${body.height} at round ${body.round}`)
  }
  const known = book.find(body.author, body.height)
  const fork = known !== undefined && forks(known.body, body) ? known : undefined
  if (fork === undefined) {
    const newest = book.newestHeight(body.author)
    // [IGNORE] Newer than the known head, or equally new with other co-signatures, a bounded number of times.
    if (body.height < newest || Buffer.compare(known?.bytes ?? Buffer.alloc(0), head.bytes) === 0)
      throw ignore('E_DUPLICATE', 'not newer than known')
    if (body.height === newest && book.statements(body.author) >= MAX_STATEMENTS)
      throw ignore('E_DUPLICATE', 'restated too often')
  }
  // [REJECT] Signed by its author, and by its account where the run asks for that.
  rejecting(() => reader.checkHead(head, run))
  return { message, fork }
}
