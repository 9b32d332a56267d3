import type { Run, SignedAnnouncement } from '@tempered/protocol'
import type { AnnouncementBook } from './announcement-book.js'
import { ignore, reject, rejecting } from './inbound-error.js'
import type { MessageReader } from './message-reader.js'

/**
 * A signed announcement from the wire. `publisher` is its sender, as proven by gossip or the connection. Its own
 * signature matters to nodes that use the announcement or keep it as proof: `check` says whether this node does. For
 * members that are not neighbours it is checked only as part of evidence, so that a round of n members does not cost
 * n² checks. Throws InboundError.
 */
export function validateAnnouncement(
  bytes: Uint8Array,
  run: Run,
  book: AnnouncementBook,
  publisher: string,
  check: boolean,
  reader: MessageReader,
): SignedAnnouncement {
  // [REJECT] Within the size limit.
  if (bytes.byteLength > run.manifest.limits.maxAnnouncementBytes)
    throw reject('E_TOO_LARGE', 'announcement over the size limit')
  // [REJECT] One canonical encoding, all fields of their types.
  const message = rejecting(() => reader.announcement(bytes))
  const { body } = message
  // [REJECT] Of this run: the topic names the run, so no other one is sent by accident.
  if (!body.run.equals(run.id)) throw reject('E_WRONG_RUN', 'announcement of another run')
  // [REJECT] Published by its author: nobody publishes for another node, in whatever epoch that one is.
  if (publisher !== body.author) throw reject('E_WRONG_AUTHOR', 'published by another peer')
  // [REJECT] By a member.
  if (!run.memberIndex.has(body.author)) throw reject('E_NOT_A_MEMBER', `${body.author} is not a member`)
  // [REJECT] For a round of the run.
  if (body.round >= run.manifest.training.rounds)
    throw reject('E_ROUND_RANGE', `round ${body.round} is past the end`)
  // [REJECT] Of the length of this run's models.
  if (body.byteLength !== run.modelBytes) throw reject('E_MODEL_LENGTH', `${body.byteLength} bytes announced`)
  // [IGNORE] Not seen before.
  if (book.find(body.author, body.round)?.body.model.equals(body.model))
    throw ignore('E_DUPLICATE', 'already known')
  // [BLAME AUTHOR] Signed by its author, and by its account where the run asks for that: only neighbours of it look.
  if (check) rejecting(() => reader.checkAnnouncement(message, run), 'blame-author')
  return message
}
