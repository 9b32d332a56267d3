import { z } from 'zod'

const milliseconds = z.int().min(1).max(86_400_000)

/** How long nodes wait for what. */
export const deadlineFields = {
  joinMs: milliseconds.describe(
    'How long a node waits at the start for all of its neighbours once one is there.',
  ),
  collectMs: milliseconds.describe(
    "How long a node waits for its neighbours' models after publishing its own.",
  ),
  dialMs: milliseconds.describe('Time limit to open a connection or a stream.'),
  firstByteMs: milliseconds.describe('Time limit for the first byte of a reply.'),
  transferMs: milliseconds.describe('Time limit to transfer a whole model.'),
  reconnectMs: milliseconds.describe('How long a lost neighbour still counts as live.'),
}
