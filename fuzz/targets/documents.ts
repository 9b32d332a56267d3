import {
  accuseEntry,
  accuseModel,
  checkConsistency,
  checkInclusion,
  decodeAnnouncement,
  decodeCanonical,
  decodeEntry,
  decodeGroupWord,
  decodeHead,
  decodeHeadMessage,
  decodeModel,
  type Evidence,
  encodeCanonical,
  encodeModel,
  equalBytes,
  firstNonFinite,
  type HeadMessage,
  makeEntryEvidence,
  makeEvidence,
  makeForkEvidence,
  makeGroupWordEvidence,
  openAnnouncement,
  openEvidence,
  openManifest,
  proveConsistency,
  proveInclusion,
  type Run,
  type SignedAnnouncement,
  type SignedEntry,
  type SignedGroupWord,
  type SignedHead,
  sha256,
  signGroupWord,
  verifyEntry,
  verifyGroupWord,
  verifyHead,
} from '@tempered/protocol'
import { chainHead, finalHead } from '../../packages/node/test/support/final-fixture.js'
import { announce, headOf, makeEntry, modelCid } from '../../packages/node/test/support/run-fixture.js'
import { mutateBytes } from '../engine/mutate-bytes.js'
import { bareError, endless, greedy, missingCheck } from '../engine/plants.js'
import { Random } from '../engine/random.js'
import { must, type Target, type TargetEntry } from '../engine/target.js'
import { mustBeSigned, mustBeThese, mutateDocument } from './canonical.js'
import {
  anyAnnouncement,
  anyEntry,
  anyGroupWord,
  anyHead,
  anyRun,
  makeChain,
  run,
  signers,
} from './fixtures.js'

const document = (target: Pick<Target, 'valid' | 'decode'> & Partial<Target>): Target => ({
  mutate: mutateDocument,
  plants: [
    missingCheck('E_NOT_CANONICAL', () => target.valid(Random.of('plant'))),
    bareError('E_MALFORMED'),
    endless('E_NOT_CANONICAL'),
    greedy('E_MALFORMED'),
  ],
  ...target,
})

/** A document whose decoder checks its signature has a plant that does not. */
const signed = (kind: string, target: Pick<Target, 'valid' | 'decode'>): Target => {
  const one = document({
    ...target,
    holds: (value, input) => mustBeSigned(kind, value as SignedAnnouncement, input),
  })
  return {
    ...one,
    plants: [...one.plants, missingCheck('E_SIGNATURE', () => target.valid(Random.of('plant')))],
  }
}

function anyEvidence(random: Random): Evidence {
  const [a, b] = [1, 2].map((tag) => announce(signers[0]!, 3, { model: modelCid(tag) })) as [
    SignedAnnouncement,
    SignedAnnouncement,
  ]
  const heads = [1, 2].map((tag) => headOf(signers[1]!, 2, { entry: makeEntry(tag, run.id).cid }).head) as [
    SignedHead,
    SignedHead,
  ]
  const entries = [1, 2].map((tag) => makeEntry(0, run.id, { aggregate: modelCid(tag) })) as [
    SignedEntry,
    SignedEntry,
  ]
  const words = [1, 2].map((tag) =>
    signGroupWord(
      { run: run.id, round: 1, kind: 'masked', dealers: [0], vector: sha256(Uint8Array.of(tag)) },
      signers[2]!,
    ),
  ) as [SignedGroupWord, SignedGroupWord]
  return random.pick<() => Evidence>([
    () => makeEvidence(a, b),
    () => makeForkEvidence(...heads),
    () => makeEntryEvidence(...entries),
    () => makeGroupWordEvidence(...words),
    () => accuseModel(a),
    () => accuseEntry(entries[0]),
  ])()
}

const chain = makeChain(6)

export const DOCUMENTS: readonly TargetEntry[] = [
  {
    name: 'codec',
    about: 'canonical DAG-CBOR (protocol/codec.ts)',
    open: () =>
      document({
        valid: (random) =>
          encodeCanonical({
            a: random.below(2 ** 31),
            b: -1,
            c: 0.5,
            d: [null, true, random.bytes(random.below(40))],
            e: run.id,
            f: { '': 'x', long: 'y'.repeat(30) },
          }),
        decode: (input) => decodeCanonical(input, 64 * 1024, 'value'),
        holds: (value, input) =>
          must(equalBytes(encodeCanonical(value), input), 'one value has one encoding'),
      }),
  },
  {
    name: 'announcement',
    about: 'signed announcements (protocol/announcement.ts)',
    open: () =>
      signed('announcement', { valid: (random) => anyAnnouncement(random).bytes, decode: openAnnouncement }),
  },
  {
    name: 'announcement-fields',
    about: 'announcements before their signature is checked',
    open: () =>
      document({
        valid: (random) => anyAnnouncement(random).bytes,
        decode: decodeAnnouncement,
        holds: (value, input) => mustBeThese(value as SignedAnnouncement, input),
      }),
  },
  {
    name: 'head',
    about: 'signed heads (protocol/head.ts)',
    open: () =>
      signed('head', {
        valid: (random) => anyHead(random).head.bytes,
        decode: (input) => {
          const head = decodeHead(input)
          verifyHead(head)
          return head
        },
      }),
  },
  {
    name: 'head-message',
    about: 'head messages with the list they co-sign (protocol/head.ts, cosigned-reference.ts)',
    open: () =>
      document({
        valid: (random) => anyHead(random).bytes,
        decode: (input) => decodeHeadMessage(input, run),
        holds(value, input) {
          const { head, cosigned, bytes } = value as HeadMessage
          must(equalBytes(bytes, input), 'the message keeps the bytes that it came from')
          mustBeThese(head, head.bytes)
          must(cosigned.size === head.body.witnessed.size, 'as many heads are named as were signed for')
          must(
            cosigned.others.every(({ member }) => member < run.manifest.members.length),
            'members of the run only',
          )
        },
      }),
  },
  {
    name: 'entry',
    about: 'ledger entries (protocol/entry.ts)',
    open: () =>
      signed('entry', {
        valid: (random) => anyEntry(random).bytes,
        decode: (input) => {
          const entry = decodeEntry(input)
          verifyEntry(entry)
          return entry
        },
      }),
  },
  {
    name: 'evidence',
    about: 'evidence of all six kinds (protocol/evidence.ts)',
    open: () => {
      const one = document({
        valid: (random) => anyEvidence(random).bytes,
        decode: (input) => openEvidence(input, run),
        holds(value, input) {
          const { bytes, offender } = value as Evidence
          must(equalBytes(bytes, input), 'evidence has one encoding')
          must(run.memberIndex.has(offender), 'it is about a member')
        },
      })
      const valid = () => anyEvidence(Random.of('plant')).bytes
      return {
        ...one,
        plants: [
          ...one.plants,
          missingCheck('E_EVIDENCE', valid),
          missingCheck('E_SIGNATURE', valid),
          missingCheck('E_WRONG_RUN', valid),
        ],
      }
    },
  },
  {
    name: 'group-word',
    about: 'words of private rounds (protocol/group-word.ts)',
    open: () =>
      signed('group-word', {
        valid: (random) => anyGroupWord(random).bytes,
        decode: (input) => {
          const word = decodeGroupWord(input)
          verifyGroupWord(word)
          return word
        },
      }),
  },
  {
    name: 'manifest',
    about: 'run manifests (protocol/manifest.ts)',
    open: () => {
      const one = document({
        valid: (random) => anyRun(random).bytes,
        decode: openManifest,
        holds: (value, input) => must(equalBytes((value as Run).bytes, input), 'a manifest has one encoding'),
      })
      return { ...one, plants: [...one.plants, bareError('E_MANIFEST')] }
    },
  },
  {
    name: 'model',
    about: 'model blobs (protocol/tensor-codec.ts)',
    open: () => {
      const valid = (random: Random) =>
        encodeModel(Float32Array.from({ length: 8 }, () => random.below(1000) / 7))
      return {
        valid,
        mutate: mutateBytes,
        decode: (input) => {
          const parameters = decodeModel(input, 8)
          return { parameters, at: firstNonFinite(parameters) }
        },
        holds(value, input) {
          const { parameters, at } = value as { parameters: Float32Array; at: number }
          must(equalBytes(encodeModel(parameters), input), 'a model has one encoding')
          const shifted = Buffer.concat([Uint8Array.of(0), input]).subarray(1)
          must(
            equalBytes(encodeModel(decodeModel(shifted, 8)), input),
            'it is the same wherever its bytes lie',
          )
          must(at < 0 === parameters.every(Number.isFinite), 'what is not finite is found')
        },
        plants: [
          missingCheck('E_MODEL_HEADER', () => valid(Random.of('plant'))),
          bareError('E_MODEL_LENGTH'),
          greedy('E_MODEL_LENGTH'),
        ],
      }
    },
  },
  {
    name: 'inclusion-proof',
    about: 'inclusion proofs (protocol/inclusion-proof.ts)',
    open: () => {
      const final = finalHead(chain, 5)
      return document({
        valid: (random) => proveInclusion(run, chain, random.below(6), final),
        decode: checkInclusion,
        holds(value) {
          const {
            entry,
            head,
            signers: all,
            final: isFinal,
            quorum,
          } = value as ReturnType<typeof checkInclusion>
          must(entry.body.author === head.body.author, 'entry and head are of one author')
          must(
            new Set(all).size === all.length && isFinal === all.length >= quorum,
            'each signer counts once',
          )
          must(
            chain.some(({ cid }) => cid.equals(entry.cid)) || !isFinal,
            'only what is in the ledger is final',
          )
        },
        plants: [
          bareError('E_PROOF'),
          bareError('E_MALFORMED'),
          greedy('E_SIGNATURE'),
          endless('E_NOT_CANONICAL'),
        ],
      })
    },
  },
  {
    name: 'consistency-proof',
    about: 'consistency proofs (protocol/consistency-proof.ts)',
    open: () => {
      const final = finalHead(chain, 5)
      const olds = [0, 1, 2, 3, 4].map((height) => chainHead(chain, height).head)
      return document({
        valid: (random) => proveConsistency(run, chain, random.pick(olds), final),
        decode: checkConsistency,
        holds(value) {
          const { older, newer } = value as ReturnType<typeof checkConsistency>
          must(older.body.height <= newer.body.height, 'the older head is not above the newer one')
        },
        plants: [
          bareError('E_PROOF'),
          bareError('E_MALFORMED'),
          greedy('E_SIGNATURE'),
          endless('E_NOT_CANONICAL'),
        ],
      })
    },
  },
]
