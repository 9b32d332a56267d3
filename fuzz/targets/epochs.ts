import {
  type Amendment,
  approveChange,
  type ChangeMessage,
  createSigner,
  documentCid,
  encodeCanonical,
  equalBytes,
  LIMITS,
  openChange,
  openEpochs,
  proposeChange,
  type Run,
  STREAM_PROTOCOLS,
  verifySignature,
} from '@tempered/protocol'
import { fetchChanges, serveChanges } from '../../packages/node/src/epochs/change-exchange.js'
import { createChangeFile } from '../../packages/node/src/epochs/change-store.js'
import { readInvitation, writeInvitation } from '../../packages/node/src/epochs/invitation.js'
import { askToJoin, serveJoin } from '../../packages/node/src/epochs/join-exchange.js'
import { createMembership, type Membership } from '../../packages/node/src/epochs/membership.js'
import { createMemoryInvitations } from '../../packages/node/src/epochs/used-invitations.js'
import { encodeCarHeader, encodeCarSection } from '../../packages/node/src/ledger/car.js'
import { verifyLedgerFile } from '../../packages/node/src/ledger/verify.js'
import { silentLogger } from '../../packages/node/src/logger.js'
import { freshMembership } from '../../packages/node/test/support/memberships.js'
import { makeEntry } from '../../packages/node/test/support/run-fixture.js'
import { joinFrames, mutateFrames } from '../engine/frames.js'
import { mutateBytes } from '../engine/mutate-bytes.js'
import { mutateCar } from '../engine/mutate-car.js'
import { mutateText } from '../engine/mutate-text.js'
import { oneOf } from '../engine/mutator.js'
import { bareError, endless, greedy, missingCheck, silent } from '../engine/plants.js'
import { Random } from '../engine/random.js'
import { must, type TargetEntry } from '../engine/target.js'
import { mutateDocument } from './canonical.js'
import { answerTo, replyTo } from './fake-stream.js'
import { makeChain, run, signers } from './fixtures.js'
import { fileTarget } from './temporary-file.js'

const PEER = signers[1]!.peerId
const keys = [...signers, createSigner(new Uint8Array(32).fill(77))]
const never = new AbortController().signal

const anyAmendment = (random: Random): Amendment =>
  random.pick<Amendment>([
    { kind: 'add', member: keys[4 + random.below(4)]!.peerId },
    { kind: 'remove', member: keys[random.below(4)]!.peerId },
    { kind: 'replace', member: keys[random.below(4)]!.peerId, by: keys[4 + random.below(4)]!.peerId },
    { kind: 'rounds', rounds: random.between(41, 90) },
    { kind: 'deadlines', deadlines: { collectMs: random.between(1, 1000) } },
  ])

/** A change with the signatures of some members; with those of all of them it is decided. */
function anyChange(random: Random, view: Run = run, all = random.chance(0.5)): ChangeMessage {
  const message = proposeChange(
    { run: view, from: 3 + random.below(4), amendment: anyAmendment(random) },
    signers[0]!,
  )
  const others = all ? signers.slice(1, 4) : signers.slice(1, 1 + random.below(3))
  return others.reduce((signed, signer) => approveChange(signed, signer), message)
}

/** Of a member's ledger: no entry, or entries up to a change, and one after it. */
const base = openEpochs(run)
const grow = [1, 2, 3].reduce(
  (signed, index) => approveChange(signed, signers[index]!),
  proposeChange({ run, from: 2, amendment: { kind: 'add', member: signers[4]!.peerId } }, signers[0]!),
)
base.offer(grow)
const [first, second] = makeChain(2)
const third = makeEntry(2, second!.cid, { epoch: base.at(2).epoch!, neighbours: [] })
const ledger: readonly Uint8Array[] = [run, first!, second!, grow, third].map(({ bytes }) => bytes)
const carOf = (blocks: readonly Uint8Array[], root = run.id): Uint8Array =>
  Buffer.concat([
    encodeCarHeader(root),
    ...blocks.map((bytes) => encodeCarSection(documentCid(bytes), bytes)),
  ])

/** Whatever comes in, it stays within bounds, and all who know the same are in the same epoch. */
function mustBeSound(membership: Membership): void {
  must(membership.pending.length <= LIMITS.maxPendingChanges, 'no more changes wait than may')
  const again = createMembership(
    membership.base,
    { save: async () => undefined },
    membership.decided.map(({ message }) => message.bytes),
    silentLogger,
  )
  must(
    again.at(1e6).epoch?.toString() === membership.at(1e6).epoch?.toString(),
    'what is decided leads to one epoch',
  )
  must(membership.at(1e6).manifest.members.length > 0, 'a run has members')
}

const known = (): Membership => {
  const membership = freshMembership(run)
  membership.take(grow.bytes)
  return membership
}

const frames = (...values: readonly unknown[]): Uint8Array =>
  joinFrames(values.map((value) => encodeCanonical(value)))

const mutateStream = oneOf([4, mutateFrames(mutateDocument)], [1, mutateBytes])
const invitation = (random: Random): string =>
  writeInvitation(
    {
      run: run.id,
      addresses: ['/ip4/127.0.0.1/tcp/4001', '/dns4/example.org/tcp/4001'].slice(random.below(2)),
      expires: random.pick([0, 1_900_000_000_000]),
    },
    random.pick(signers.slice(0, 4)),
  )

/** What such a decoder takes it gives to nobody, so that a missing check shows only in what it keeps (`mustBeSound`). */
const streamPlants = [bareError('E_MALFORMED'), silent('E_MALFORMED')]

/** What a ledger file says, with a verdict as an error. */
async function readLedger(path: string): Promise<number> {
  const verdict = await verifyLedgerFile(path)
  if (!verdict.ok) throw Object.assign(new Error(verdict.message), { name: 'NodeError', code: verdict.code })
  const { memberIndex } = verdict.run
  must(verdict.author === undefined || memberIndex.size > 0, 'a ledger is of a run with members')
  return verdict.entries
}

export const EPOCHS: readonly TargetEntry[] = [
  {
    name: 'change',
    about: 'changes of a run with signatures under them (protocol/epochs/change.ts)',
    open: () => {
      const valid = (random: Random): Uint8Array => anyChange(random).bytes
      return {
        valid,
        mutate: mutateDocument,
        decode: (input) => openChange(input),
        holds(value, input) {
          const { change, changeBytes, approvals, baseChanges, cid } = value as ChangeMessage
          const again = { change: changeBytes, approvals: [...approvals], baseChanges: [...baseChanges] }
          must(equalBytes(encodeCanonical(again), input), 'a change has one encoding')
          must(equalBytes(encodeCanonical(change), changeBytes), 'what is signed has one encoding')
          for (const { author, signature } of approvals) {
            const domain = new TextEncoder().encode('tempered/approval/v1\0')
            const signed = Buffer.concat([domain, encodeCanonical({ author, change: cid })])
            must(verifySignature(author, signed, signature), 'whoever is named has signed it')
          }
        },
        plants: [
          missingCheck('E_SIGNATURE', () => valid(Random.of('plant'))),
          missingCheck('E_MALFORMED', () => valid(Random.of('plant'))),
          bareError('E_MALFORMED'),
          endless('E_MALFORMED'),
          greedy('E_MALFORMED'),
        ],
      }
    },
  },
  {
    name: 'change-question',
    about: 'what a peer asks for changes (epochs/change-exchange.ts)',
    open: () => {
      const valid = (random: Random): Uint8Array =>
        frames({
          known: random.chance(0.5) ? [grow.cid] : [],
          changes: Array.from({ length: random.below(3) }, () => anyChange(random).bytes),
        })
      return {
        valid,
        mutate: mutateStream,
        async decode(bytes) {
          const membership = known()
          await answerTo((direct) => serveChanges(direct, membership), STREAM_PROTOCOLS.changes, PEER, bytes)
          mustBeSound(membership)
        },
        plants: streamPlants,
      }
    },
  },
  {
    name: 'change-reply',
    about: 'what a peer answers who is asked for changes (epochs/change-exchange.ts)',
    open: () => {
      const valid = (random: Random): Uint8Array => {
        const changes = Array.from({ length: random.below(4) }, () => anyChange(random).bytes)
        return frames({ inForce: [grow.cid], round: random.below(9), changes: changes.length }, ...changes)
      }
      return {
        valid,
        mutate: mutateStream,
        async decode(bytes) {
          const membership = known()
          await replyTo((direct) => fetchChanges(direct, membership, PEER, [], never), bytes)
          mustBeSound(membership)
        },
        plants: streamPlants,
      }
    },
  },
  {
    name: 'join-question',
    about: 'invitations that peers bring (epochs/join-exchange.ts)',
    open: () => {
      const valid = (random: Random): Uint8Array =>
        frames({ invitation: readInvitation(invitation(random)).bytes })
      return {
        valid,
        mutate: mutateStream,
        async decode(bytes) {
          const membership = known()
          const invited = {
            membership,
            signer: signers[0]!,
            used: createMemoryInvitations(),
            clock: { wallMs: () => 1_800_000_000_000 } as never,
            logger: silentLogger,
            addresses: () => ['/ip4/127.0.0.1/tcp/4001'],
            firstRound: () => 9,
          }
          await answerTo(
            (direct) => serveJoin({ direct, ...invited }),
            STREAM_PROTOCOLS.join,
            keys[7]!.peerId,
            bytes,
          )
          must(membership.pending.length <= 1, 'one who asks is one new member')
        },
        plants: streamPlants,
      }
    },
  },
  {
    name: 'join-reply',
    about: 'what a member answers who is brought an invitation (epochs/join-exchange.ts)',
    open: () => {
      const valid = (random: Random): Uint8Array =>
        frames(
          { changes: 1, isMember: random.chance(0.5), round: random.below(9), addresses: ['/ip4/1.1.1.1'] },
          run.bytes,
          grow.bytes,
        )
      return {
        valid,
        mutate: mutateStream,
        decode: (bytes) =>
          replyTo(
            (direct) =>
              askToJoin(
                direct,
                { toString: () => PEER } as never,
                'there',
                { run: run.id, bytes: new Uint8Array(9) },
                never,
              ),
            bytes,
          ),
        holds: (value) =>
          must((value as { run: Run }).run.id.equals(run.id), 'it is the run of the invitation'),
        // Plus what a frame may be that is announced and does not come.
        mostBytes: 4 * 1024 * 1024,
        plants: streamPlants,
      }
    },
  },
  {
    name: 'invitation',
    about: 'invitations as text (epochs/invitation.ts)',
    open: () => ({
      valid: (random) => new TextEncoder().encode(invitation(random)),
      mutate: oneOf([1, mutateText], [1, mutateBytes]),
      decode: (input) => readInvitation(Buffer.from(input).toString('utf8')),
      holds(value, input) {
        const { invitation, bytes } = value as ReturnType<typeof readInvitation>
        must(invitation.run.equals(run.id), 'it is to the run that its author signed')
        const line = `tempered-invitation-u${Buffer.from(bytes).toString('base64url')}`
        must(Buffer.from(input).toString('utf8').trim() === line, 'it has one text')
      },
      plants: [
        missingCheck('E_INVITATION', () => new TextEncoder().encode(invitation(Random.of('plant')))),
        bareError('E_INVITATION'),
        endless('E_INVITATION'),
        greedy('E_INVITATION'),
      ],
    }),
  },
  {
    name: 'changes-file',
    about: 'changes.cbor (epochs/change-store.ts, membership.ts)',
    open: () =>
      fileTarget('changes.cbor', {
        valid: (random) =>
          encodeCanonical({
            kind: 'tempered/changes',
            version: 1,
            run: run.id.toString(),
            changes: [grow.bytes, ...Array.from({ length: random.below(3) }, () => anyChange(random).bytes)],
          }),
        mutate: mutateDocument,
        async read(path) {
          const stored = await createChangeFile(path).load(run)
          const membership = createMembership(run, { save: async () => undefined }, stored, silentLogger)
          mustBeSound(membership)
          return stored
        },
        plants: [bareError('E_STATE_CORRUPT'), silent('E_STATE_CORRUPT'), greedy('E_STATE_CORRUPT')],
      }),
  },
  {
    name: 'changed-ledger',
    about: 'ledgers with changes of their run (ledger/verify.ts over protocol/chain.ts)',
    open: () => {
      const valid = (random: Random): Uint8Array => carOf(ledger.slice(0, random.between(1, ledger.length)))
      return fileTarget('ledger.car', {
        valid,
        mutate: mutateCar(mutateDocument),
        read: (path) => readLedger(path),
        plants: [
          bareError('E_MALFORMED'),
          bareError('E_CAR'),
          silent('E_HASH_MISMATCH'),
          bareError('E_EPOCH'),
        ],
      })
    },
  },
]
