import type { Block } from '@tempered/chain'
import {
  blobCid,
  encodeCanonical,
  encodeModel,
  equalBytes,
  type FinalHead,
  LIMITS,
  PROTOCOL_VERSION,
  type Run,
  STREAM_PROTOCOLS,
  signHead,
} from '@tempered/protocol'
import { createBlobChannel } from '../../packages/node/src/blobs/blob-channel.js'
import { serveBlobs } from '../../packages/node/src/blobs/exchange.js'
import { openBytes } from '../../packages/node/src/blobs/open-blob.js'
import { createTransferProgress } from '../../packages/node/src/blobs/transfer-progress.js'
import { createInbound, type Inbound } from '../../packages/node/src/inbound/inbound.js'
import {
  fetchBlocks,
  fetchEntries,
  fetchFinalHeads,
  serveSync,
} from '../../packages/node/src/sync/exchange.js'
import { createAddressBook } from '../../packages/node/src/transport/address-book.js'
import { type Admission, createAdmission } from '../../packages/node/src/transport/admission.js'
import { fetchDigests, serveDigests } from '../../packages/node/src/transport/digests.js'
import type { DirectProtocols } from '../../packages/node/src/transport/direct-protocols.js'
import { fetchGroupWords, serveGroupWords } from '../../packages/node/src/transport/group-words.js'
import type { LocalSource } from '../../packages/node/src/transport/network.js'
import { askForPeers, servePeers } from '../../packages/node/src/transport/peer-exchange.js'
import { packFinal } from '../../packages/node/src/witness/final-store.js'
import { finalHead } from '../../packages/node/test/support/final-fixture.js'
import { joinFrames, mutateFrames } from '../engine/frames.js'
import { mutateBytes } from '../engine/mutate-bytes.js'
import { oneOf } from '../engine/mutator.js'
import { bareError, missingCheck, silent } from '../engine/plants.js'
import { Random } from '../engine/random.js'
import { must, type Target, type TargetEntry } from '../engine/target.js'
import { mutateDocument } from './canonical.js'
import { anyBlock, chainRun } from './chain.js'
import { answerTo, replyTo } from './fake-stream.js'
import { anyAnnouncement, anyEntry, anyGroupWord, anyHead, makeChain, run, signers } from './fixtures.js'

const PEER = signers[1]!.peerId
const SELF = signers[0]!.peerId
const chain = makeChain(4)
const blob = encodeModel(new Float32Array(600))
const never = new AbortController().signal

const local: LocalSource = {
  announcements: () => [],
  head: () => undefined,
  evidence: () => [],
  digests: () => [],
  entries: async (from) => chain.slice(from).map(({ bytes }) => bytes),
  finalHeads: () => [finalHead(chain, 3)],
  blocks: () => [],
  newestHead: () => undefined,
  groupWords: () => [],
  blob: async (cid) => (cid === blobCid(blob).toString() ? openBytes(blob) : undefined),
}
const source = { ...local, isAdmitted: () => true }

const inboundOf = (of: Run): Inbound =>
  createInbound(
    of,
    [PEER],
    {
      announcement: () => undefined,
      head: () => undefined,
      evidence: () => undefined,
      accusation: () => undefined,
    },
    () => 1,
  )

const admission = (direct: DirectProtocols): Admission =>
  createAdmission({
    run,
    self: SELF,
    direct,
    inbound: inboundOf(run),
    local,
    addresses: () => ['/ip4/127.0.0.1/tcp/4001'],
    onAdmitted: () => undefined,
    onRefused: () => undefined,
    onFault: () => undefined,
    onOwnHead: ({ body }) => must(body.author === SELF, 'only heads that this node signed are its own'),
    isAdmitted: () => true,
    onUnknownHere: async () => undefined,
  })

const status = (random: Random) => ({
  announcements: Array.from({ length: random.below(3) }, () => anyAnnouncement(random).bytes),
  head: random.chance(0.5) ? anyHead(random).bytes : null,
  evidence: [],
})

const hello = (random: Random) => ({
  version: PROTOCOL_VERSION,
  run: run.id.toString(),
  addresses: ['/ip4/10.0.0.1/tcp/4001', '/dns4/example.org/tcp/4001'].slice(0, random.below(3)),
  ...status(random),
  yourHead: random.chance(0.5)
    ? signHead(
        { run: run.id, height: 0, round: 0, entry: chain[0]!.cid, parent: run.id, root: new Uint8Array(32) },
        [],
        signers[0]!,
      ).head.bytes
    : null,
})

const frames = (...values: readonly unknown[]): Uint8Array =>
  joinFrames(values.map((value) => encodeCanonical(value)))

/** What was read is what the peer sent, in its only encoding. */
const mustBegin = (input: Uint8Array, read: Uint8Array): void =>
  must(equalBytes(input.subarray(0, read.byteLength), read), 'what was read encodes to what was sent')

/** A protocol on a stream: `valid` makes the frames that the peer sends. */
const stream = (
  name: string,
  about: string,
  valid: (random: Random) => Uint8Array,
  decode: (bytes: Uint8Array) => Promise<unknown>,
  more: Partial<Target> = {},
): TargetEntry => ({
  name,
  about,
  open: () => ({
    valid,
    mutate: oneOf([4, mutateFrames(mutateDocument)], [1, mutateBytes]),
    decode,
    // Plus what a frame may be that is announced and does not come.
    mostBytes: 2 * 1024 * 1024,
    plants: [
      bareError('E_MALFORMED'),
      missingCheck('E_MALFORMED', async () => valid(Random.of('plant'))),
      silent('E_STREAM'),
    ].filter((plant) => more.holds !== undefined || !plant.what.startsWith('takes')),
    ...more,
  }),
})

const asked = (
  name: string,
  about: string,
  protocol: string,
  valid: (random: Random) => Uint8Array,
  serve: (direct: DirectProtocols) => Promise<unknown>,
) => stream(name, about, valid, (bytes) => answerTo(serve, protocol, PEER, bytes))

const replied = (
  name: string,
  about: string,
  valid: (random: Random) => Uint8Array,
  ask: (direct: DirectProtocols) => Promise<unknown>,
  more: Partial<Target> = {},
) => stream(name, about, valid, (bytes) => replyTo(ask, bytes), more)

export const WIRE: readonly TargetEntry[] = [
  asked(
    'hello',
    'hellos of peers that dial (transport/admission.ts)',
    STREAM_PROTOCOLS.hello,
    (random) => frames(hello(random)),
    (direct) => admission(direct).start(),
  ),
  replied(
    'hello-reply',
    'replies to a hello',
    (random) => frames(hello(random)),
    (direct) => {
      const peer = { toString: () => PEER } as never
      return admission(direct).introduce(peer, never)
    },
  ),
  asked(
    'status-request',
    'requests of a status',
    STREAM_PROTOCOLS.status,
    (random) => frames({ fromRound: random.below(9) }),
    (direct) => admission(direct).start(),
  ),
  replied(
    'status',
    'status replies (transport/status-exchange.ts)',
    (random) => frames(status(random)),
    (direct) => admission(direct).pollStatus({ toString: () => PEER } as never, 0, never),
  ),
  asked(
    'manifest-request',
    'requests of the manifest',
    STREAM_PROTOCOLS.manifest,
    () => frames({}),
    (direct) => admission(direct).start(),
  ),
  asked(
    'digests-request',
    'requests of entry digests (transport/digests.ts)',
    STREAM_PROTOCOLS.digests,
    (random) => frames({ author: PEER, from: random.below(9) }),
    (direct) => serveDigests(direct, source),
  ),
  replied(
    'digests',
    'replies with entry digests',
    (random) => frames({ digests: Array.from({ length: random.below(6) }, () => random.bytes(32)) }),
    (direct) => fetchDigests(direct, PEER, SELF, 0, never),
    {
      holds: (value, input) => mustBegin(input, frames({ digests: value })),
    },
  ),
  asked(
    'peers-request',
    'requests of addresses (transport/peer-exchange.ts)',
    STREAM_PROTOCOLS.peers,
    () => frames({}),
    (direct) =>
      servePeers(
        {
          direct,
          addressBook: createAddressBook(() => true),
          members: run.manifest.members,
        },
        () => true,
      ),
  ),
  replied(
    'peers',
    'replies with addresses of members',
    (random) =>
      frames({
        peers: signers
          .slice(0, random.below(4))
          .map(({ peerId }) => ({ peer: peerId, addresses: ['/ip4/10.0.0.1/tcp/4001'] })),
      }),
    async (direct) => {
      const addressBook = createAddressBook((peer) => run.memberIndex.has(peer))
      const debug = ({ code }: { code: string }, message: string): never => {
        throw Object.assign(new Error(message), { name: 'NodeError', code })
      }
      await askForPeers({ direct, addressBook, logger: { debug } as never }, PEER, never)
      return run.manifest.members.map((peer) => addressBook.get(peer))
    },
  ),
  asked(
    'entries-request',
    'requests of ledger entries (sync/exchange.ts)',
    STREAM_PROTOCOLS.entries,
    (random) => frames(random.chance(0.5) ? { from: random.below(4) } : { from: 0, author: PEER }),
    (direct) => serveSync(direct, source),
  ),
  replied(
    'entries',
    'replies with ledger entries',
    (random) => frames({ entries: 2 }, anyEntry(random).bytes, anyEntry(random).bytes),
    (direct) => fetchEntries(direct, PEER, 0, LIMITS.maxEntryBytes, never),
    {
      holds(value, input) {
        const entries = value as Uint8Array[]
        must(entries.length <= LIMITS.maxEntriesPerReply, 'no more entries than a reply may have')
        mustBegin(input, frames({ entries: entries.length }, ...entries))
      },
    },
  ),
  asked(
    'finals-request',
    'requests of final heads',
    STREAM_PROTOCOLS.finals,
    () => frames({}),
    (direct) => serveSync(direct, source),
  ),
  replied(
    'finals',
    'replies with final heads',
    (random) => frames({ finals: 1 }, packFinal(finalHead(chain, random.below(4)))),
    (direct) => fetchFinalHeads(direct, run, PEER, never),
    {
      holds(value, input) {
        const finals = value as FinalHead[]
        must(finals.length <= LIMITS.maxFinalHeadsPerReply, 'no more heads than a reply may have')
        mustBegin(input, frames({ finals: finals.length }, ...finals.map(packFinal)))
      },
    },
  ),
  asked(
    'blocks-request',
    'requests of blocks',
    STREAM_PROTOCOLS.blocks,
    (random) => frames({ from: random.between(1, 9) }),
    (direct) => serveSync(direct, source),
  ),
  replied(
    'blocks',
    'replies with blocks of a common chain',
    (random) => frames({ blocks: 1 }, anyBlock(random).bytes),
    (direct) => fetchBlocks(direct, chainRun, PEER, 1, never),
    {
      holds(value, input) {
        const blocks = value as Block[]
        must(blocks.length <= LIMITS.maxBlocksPerReply, 'no more blocks than a reply may have')
        mustBegin(input, frames({ blocks: blocks.length }, ...blocks.map(({ bytes }) => bytes)))
      },
    },
  ),
  asked(
    'group-words-request',
    'requests of words of a private round (transport/group-words.ts)',
    STREAM_PROTOCOLS.groupWords,
    (random) => frames({ round: random.below(3) }),
    (direct) => serveGroupWords(direct, source),
  ),
  replied(
    'group-words',
    'replies with words of a private round',
    (random) => frames({ words: 2 }, anyGroupWord(random).bytes, anyGroupWord(random).bytes),
    (direct) => fetchGroupWords(direct, inboundOf(run), PEER, 1, never),
  ),
  asked(
    'blob-request',
    'requests of pieces of models (blobs/exchange.ts)',
    STREAM_PROTOCOLS.blob,
    (random) =>
      frames(
        { cid: blobCid(blob).toString(), offset: 0, length: random.between(1, blob.byteLength) },
        { cid: run.id.toString(), offset: 0, length: 1 },
      ),
    (direct) => serveBlobs(direct, { blob: local.blob, mayHave: () => true }),
  ),
  replied(
    'blob-reply',
    'pieces of models (blobs/transfer.ts, blob-channel.ts)',
    () => Buffer.concat([frames({ total: blob.byteLength }), blob]),
    async (direct) => {
      const into = new Uint8Array(blob.byteLength)
      await createBlobChannel(direct, PEER, () => undefined).fetch(
        blobCid(blob).toString(),
        into,
        never,
        createTransferProgress(),
      )
      return into
    },
    {
      holds(value, input) {
        must(blobCid(value as Uint8Array).equals(blobCid(blob)), 'what arrives has its hash')
        mustBegin(input, Buffer.concat([frames({ total: blob.byteLength }), blob]))
      },
    },
  ),
]
