import { connect as connectTcp } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type Identity, randomIdentity, systemClock, withMember } from '@tempered/node'
import {
  blobCid,
  encodeCanonical,
  PROTOCOL_VERSION,
  type Run,
  STREAM_PROTOCOLS,
  signAnnouncement,
} from '@tempered/protocol'
import type { StatusDocument } from '../operate/status-document.js'
import type { InvalidOperation } from './soak-plan.js'

export interface Target {
  readonly address: string
  readonly port: number
  /** The state of the node; rejects when it does not answer. */
  status(): Promise<StatusDocument>
}

export interface Offender {
  readonly run: Run
  /** A member that takes no part: its key is used for what members might try. */
  readonly member: Identity
}

/** What came of it; `skipped` where the node could not be observed. */
export type Outcome = 'refused' | 'accepted' | 'skipped'

const DEADLINES = { dialMs: 8_000, firstByteMs: 8_000, transferMs: 12_000 }
const HALF_OPEN_MS = 10_000
/** More than a node takes from a stranger. */
const FLOOD_BYTES = 4 * 1024 * 1024

type Work = Parameters<typeof withMember<unknown>>[3]

/** Does what nobody may do, and says whether the node let it pass. Never rejects. */
export function tryInvalid(
  operation: InvalidOperation,
  target: Target,
  { run, member }: Offender,
  signal: AbortSignal,
): Promise<Outcome> {
  const as = (identity: Identity, work: Work): Promise<unknown> =>
    withMember(identity, target.address, { clock: systemClock, deadlines: DEADLINES, signal }, work)
  return ATTEMPTS[operation]({
    ...{ run, member, target, signal, as },
    stranger: randomIdentity(),
    ask: (identity, protocol, message) =>
      as(identity, (peer, direct) => direct.request(peer, protocol, message, signal)),
    hello: (more = {}) => ({
      ...{ version: PROTOCOL_VERSION, run: run.id.toString(), addresses: [] },
      ...{ announcements: [], head: null, evidence: [], yourHead: null },
      ...more,
    }),
  })
}

interface Attempt extends Offender {
  readonly target: Target
  readonly signal: AbortSignal
  /** A key that is in no run. */
  readonly stranger: Identity
  as(identity: Identity, work: Work): Promise<unknown>
  ask(identity: Identity, protocol: string, message: unknown): Promise<unknown>
  /** What a member would say to be admitted, with changes. */
  hello(more?: Readonly<Record<string, unknown>>): unknown
}

const { hello: HELLO, status: STATUS, entries: ENTRIES, digests: DIGESTS, blob: BLOB } = STREAM_PROTOCOLS

const ATTEMPTS: Readonly<Record<InvalidOperation, (attempt: Attempt) => Promise<Outcome>>> = {
  nonsense: ({ ask, stranger }) => unless(ask(stranger, STATUS, { nonsense: [1, 'two', null] })),
  'huge-frame': ({ as, stranger, signal }) =>
    unless(
      as(stranger, async (peer, direct) => {
        const stream = await direct.open(peer, HELLO)
        await stream.frames.writeBytes(Uint8Array.of(0xff, 0xff, 0xff, 0x7f, 1, 2, 3), signal)
        const limit = direct.deadline('firstByteMs', signal)
        return stream.frames.readFrame(limit.signal).finally(limit.clear)
      }),
    ),
  'other-version': ({ ask, member }) =>
    unless(
      ask(member, HELLO, { version: PROTOCOL_VERSION + 1, more: 'of a later version' }),
      ({ refused }) => refused === 'E_UNSUPPORTED_VERSION',
    ),
  'other-run': ({ ask, member, hello }) =>
    unless(
      ask(member, HELLO, hello({ run: blobCid(new Uint8Array(8)).toString() })),
      ({ refused }) => refused === 'E_WRONG_RUN',
    ),
  'stranger-hello': ({ ask, stranger, hello, run }) =>
    unless(
      ask(stranger, HELLO, hello()),
      (reply) => reply.refused === 'E_NOT_A_MEMBER' && !JSON.stringify(reply).includes(run.id.toString()),
    ),
  'data-behind-hello': ({ as, stranger, hello, signal }) =>
    unless(as(stranger, floodBehind(hello(), signal))),
  'forged-announcement'({ ask, member, hello, run, target }) {
    const { body } = announcementOf(run, member)
    const forged = encodeCanonical({ body, signature: new Uint8Array(64) })
    return unlessCounted(target, 'E_SIGNATURE', () => ask(member, HELLO, hello({ announcements: [forged] })))
  },
  // Of another key: nobody may bring what is not its own.
  'borrowed-announcement'({ ask, member, stranger, hello, run, target }) {
    const { bytes } = announcementOf(run, stranger)
    return unlessCounted(target, 'E_WRONG_AUTHOR', () =>
      ask(member, HELLO, hello({ announcements: [bytes] })),
    )
  },
  'forged-evidence'({ ask, member, hello, target }) {
    const forged = encodeCanonical({ kind: 'none', offender: member.signer.peerId })
    return unlessCounted(target, 'E_MALFORMED', () => ask(member, HELLO, hello({ evidence: [forged] })))
  },
  'unadmitted-status': ({ ask, stranger }) => unless(ask(stranger, STATUS, { fromRound: 0 })),
  'unadmitted-entries': ({ ask, stranger }) => unless(ask(stranger, ENTRIES, { from: 0 })),
  'unknown-author': ({ as, member, stranger, hello, signal }) =>
    unless(
      as(member, async (peer, direct) => {
        await direct.request(peer, HELLO, hello(), signal)
        return direct.request(peer, DIGESTS, { author: stranger.signer.peerId, from: 0 }, signal)
      }),
      ({ digests }) => Array.isArray(digests) && digests.length === 0,
    ),
  'blob-past-its-end': ({ as, member, hello, run, signal }) =>
    unless(
      as(member, async (peer, direct) => {
        await direct.request(peer, HELLO, hello(), signal)
        const cid = run.manifest.model.initialCid
        return direct.request(peer, BLOB, { cid, offset: run.modelBytes - 1, length: 1000 }, signal)
      }),
      ({ error }) => error === 'E_NOT_FOUND',
    ),
  // It takes a place and nothing else; whether that hurts shows in the rounds of the node.
  async 'half-open'({ target, signal }) {
    const socket = connectTcp(target.port, '127.0.0.1')
    socket.on('error', () => undefined)
    await pause(HALF_OPEN_MS, undefined, { signal }).catch(() => undefined)
    socket.destroy()
    return 'refused'
  },
}

/** Whoever gets an answer that is no refusal was let in. */
function unless(
  answer: Promise<unknown>,
  isRefusal: (reply: Reply) => boolean = () => false,
): Promise<Outcome> {
  return answer.then(
    (reply) => (isRefusal((reply ?? {}) as Reply) ? 'refused' : 'accepted'),
    () => 'refused',
  )
}

interface Reply {
  readonly refused?: unknown
  readonly error?: unknown
  readonly digests?: unknown
}

/** Resolves when the node took all of it. */
function floodBehind(hello: unknown, signal: AbortSignal): Work {
  return async (peer, direct) => {
    const stream = await direct.open(peer, STREAM_PROTOCOLS.hello)
    await stream.frames.writeFrame(hello, signal)
    for (let sent = 0; sent < FLOOD_BYTES; sent += 65_536) {
      await stream.frames.writeBytes(new Uint8Array(65_536), signal)
      await pause(5)
      if (!stream.isOpen()) throw new Error('closed')
    }
    return undefined
  }
}

/** Refused if the node has counted one more such message of a member, or does not let its sender in any more. */
async function unlessCounted(target: Target, code: string, work: () => Promise<unknown>): Promise<Outcome> {
  const count = ({ guard }: StatusDocument): number =>
    guard?.rejects.find((reject) => reject.kind === STATUS && reject.code === code)?.count ?? 0
  try {
    const before = await target.status()
    const isIn = await work().then(
      () => true,
      () => false,
    )
    const after = await target.status()
    if (!isIn) return 'refused'
    if (after.pid !== before.pid) return 'skipped'
    return count(after) > count(before) ? 'refused' : 'accepted'
  } catch {
    return 'skipped'
  }
}

/** For the last round, of a model that does not exist. */
function announcementOf(run: Run, author: Identity) {
  return signAnnouncement(
    {
      run: run.id,
      round: run.manifest.training.rounds - 1,
      model: blobCid(new Uint8Array(4)),
      byteLength: run.modelBytes,
      parent: run.id,
      norm: 1,
      opinions: null,
    },
    author.signer,
  )
}
