import { readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  documentCid,
  type Evidence,
  encodeCanonical,
  equalBytes,
  makeEvidence,
  makeForkEvidence,
  proveInclusion,
  publicKeyFromPeerId,
  type SignedEntry,
} from '@tempered/protocol'
import { decodeMemory, encodeMemory, type RuleMemory } from '../../packages/node/src/aggregate/rule-memory.js'
import { ChainFileError, readChainFile } from '../../packages/node/src/chain/chain-file.js'
import { identityFromSeed, readIdentityFile } from '../../packages/node/src/identity-file.js'
import { encodeCarHeader, encodeCarSection } from '../../packages/node/src/ledger/car.js'
import { openCarLog } from '../../packages/node/src/ledger/car-log.js'
import { readEvidenceFile } from '../../packages/node/src/ledger/evidence-file.js'
import {
  checkProofFile,
  packMisbehaviourProof,
  packWholeProof,
} from '../../packages/node/src/ledger/proof-file.js'
import { verifyLedgerFile } from '../../packages/node/src/ledger/verify.js'
import { openPrivateStore } from '../../packages/node/src/private/private-store.js'
import { commitToData } from '../../packages/node/src/state/data-commitment.js'
import { packFinal, readFinals } from '../../packages/node/src/witness/final-store.js'
import { openWitnessStore } from '../../packages/node/src/witness/witness-store.js'
import { chainHead, finalHead } from '../../packages/node/test/support/final-fixture.js'
import { announce, headOf, makeEntry, modelCid } from '../../packages/node/test/support/run-fixture.js'
import { mutateBytes } from '../engine/mutate-bytes.js'
import { mutateCar } from '../engine/mutate-car.js'
import { mutateJson } from '../engine/mutate-text.js'
import { bareError, endless, greedy, missingCheck, silent } from '../engine/plants.js'
import { Random } from '../engine/random.js'
import { must, type TargetEntry } from '../engine/target.js'
import { mutateDocument } from './canonical.js'
import { anyBlock, chainRun } from './chain.js'
import { makeChain, run, signers } from './fixtures.js'
import { fileTarget } from './temporary-file.js'

const chain = makeChain(4)
const carOf = (blocks: readonly Pick<SignedEntry, 'cid' | 'bytes'>[], root = run.id): Uint8Array =>
  Buffer.concat([encodeCarHeader(root), ...blocks.map(({ cid, bytes }) => encodeCarSection(cid, bytes))])
const evidence: readonly Evidence[] = [
  makeEvidence(announce(signers[0]!, 1), announce(signers[0]!, 1, { model: modelCid(9) })),
  makeForkEvidence(
    headOf(signers[1]!, 1).head,
    headOf(signers[1]!, 1, { entry: makeEntry(0, run.id).cid }).head,
  ),
]
const section = ({ bytes }: { readonly bytes: Uint8Array }) => ({ cid: documentCid(bytes), bytes })

const sectionOf = ({ cid, bytes }: Pick<SignedEntry, 'cid' | 'bytes'>): Uint8Array =>
  encodeCarSection(cid, bytes)

/** A verdict as an error, so that its code is counted. */
function refusalOf(code: string, message: string): Error {
  return Object.assign(new Error(message), { name: 'NodeError', code })
}

const stateDocument = (kind: string, more: Record<string, unknown>): Uint8Array =>
  encodeCanonical({ kind, version: 1, run: run.id.toString(), ...more })

const corrupt = [bareError('E_STATE_CORRUPT'), silent('E_STATE_CORRUPT'), greedy('E_WRONG_RUN')]

export const FILES: readonly TargetEntry[] = [
  {
    name: 'ledger-file',
    about: 'ledgers of others (ledger/verify.ts over car.ts and protocol/chain.ts)',
    open: () => {
      const valid = (random: Random): Uint8Array =>
        carOf([{ cid: run.id, bytes: run.bytes }, ...chain.slice(0, random.below(5))])
      return fileTarget('ledger.car', {
        valid,
        mutate: mutateCar(mutateDocument),
        async read(path) {
          const entries: SignedEntry[] = []
          const verdict = await verifyLedgerFile(path, (entry) => entries.push(entry))
          if (!verdict.ok) throw refusalOf(verdict.code, verdict.message)
          return { entries, of: verdict.run }
        },
        holds(value, input) {
          const { entries, of } = value as { entries: SignedEntry[]; of: typeof run }
          must(
            equalBytes(carOf([{ cid: of.id, bytes: of.bytes }, ...entries], of.id), input),
            'a ledger has one encoding',
          )
        },
        plants: [
          missingCheck('E_HASH_MISMATCH', () => valid(Random.of('plant'))),
          missingCheck('E_SIGNATURE', () => valid(Random.of('plant'))),
          bareError('E_CAR'),
          silent('E_MALFORMED'),
          greedy('E_CAR'),
        ],
      })
    },
  },
  {
    name: 'car-log',
    about: "a node's own CAR files after a crash (ledger/car-log.ts, torn-tail.ts)",
    open: () =>
      fileTarget('own.car', {
        valid: (random) => carOf(chain.slice(0, random.below(5))),
        mutate: mutateCar(mutateDocument),
        async read(path) {
          const folder = dirname(path)
          for (const name of readdirSync(folder)) if (name.includes('.torn-')) rmSync(join(folder, name))
          const open = async () => {
            const seen: string[] = []
            const { log, recoveredBytes } = await openCarLog(path, run.id, 64 * 1024, ({ cid }) =>
              seen.push(cid.toString()),
            )
            await log.close()
            return { seen, recoveredBytes }
          }
          const first = await open()
          const second = await open()
          must(second.recoveredBytes === 0, 'what was recovered needs no recovery')
          must(first.seen.join() === second.seen.join(), 'a recovery loses no block')
          return first
        },
        plants: corrupt,
      }),
  },
  {
    name: 'evidence-file',
    about: 'evidence.car of other nodes (ledger/evidence-file.ts)',
    open: () =>
      fileTarget('evidence.car', {
        valid: (random) => carOf(evidence.slice(0, random.between(1, 2)).map(section)),
        mutate: mutateCar(mutateDocument),
        read: (path) => readEvidenceFile(path, run),
        holds: (value) =>
          must(
            (value as Evidence[]).every(({ offender }) => run.memberIndex.has(offender)),
            'it is about members',
          ),
        plants: corrupt,
      }),
  },
  {
    name: 'chain-file',
    about: 'chain.car (chain/chain-file.ts)',
    open: () =>
      fileTarget('chain.car', {
        valid: () => carOf([{ cid: chainRun.id, bytes: chainRun.bytes }], chainRun.id),
        mutate: (input, random, other) => {
          const longer = random.chance(0.6) ? Buffer.concat([input, sectionOf(anyBlock(random))]) : input
          return random.chance(0.3) ? longer : mutateCar(mutateDocument)(longer, random, other)
        },
        read: (path) =>
          readChainFile(path).catch((error: unknown) => {
            throw error instanceof ChainFileError ? error.cause : error
          }),
        plants: [bareError('E_CAR'), bareError('E_MALFORMED'), silent('E_HASH_MISMATCH')],
      }),
  },
  {
    name: 'proof-file',
    about: 'proof files (ledger/proof-file.ts)',
    open: async () => {
      const final = finalHead(chain, 3)
      const files: Uint8Array[] = chain.map((_, height) =>
        Buffer.concat(packWholeProof(proveInclusion(run, chain, height, final))),
      )
      for (const one of evidence)
        files.push(Buffer.concat(await packMisbehaviourProof(run, one, undefined, async () => undefined)))
      return fileTarget('x.proof', {
        valid: (random) => new Uint8Array(random.pick(files)),
        mutate: mutateCar(mutateDocument),
        read: (path) => checkProofFile(path),
        plants: [bareError('E_PROOF'), bareError('E_CAR'), silent('E_SIGNATURE'), greedy('E_MALFORMED')],
      })
    },
  },
  {
    name: 'finals-file',
    about: 'finals.cbor (witness/final-store.ts)',
    open: () =>
      fileTarget('finals.cbor', {
        valid: (random) =>
          stateDocument('tempered/finals', { finals: [packFinal(finalHead(chain, random.below(4)))] }),
        mutate: mutateDocument,
        read: (path) => readFinals(path, run),
        holds: (value, input) =>
          must(
            equalBytes(
              stateDocument('tempered/finals', {
                finals: (value as Parameters<typeof packFinal>[0][]).map(packFinal),
              }),
              input,
            ),
            'it has one encoding',
          ),
        plants: [
          ...corrupt,
          missingCheck('E_STATE_CORRUPT', () => stateDocument('tempered/finals', { finals: [] })),
        ],
      }),
  },
  {
    name: 'witness-file',
    about: 'witnessed.cbor (witness/witness-store.ts)',
    open: () =>
      fileTarget('witnessed.cbor', {
        valid: (random) =>
          stateDocument('tempered/witnessed', {
            heads: [{ head: chainHead(chain, random.below(4)).head.bytes, nodes: [random.bytes(32)] }],
          }),
        mutate: mutateDocument,
        read: async (path) => (await openWitnessStore(path, run)).load(),
        plants: corrupt,
      }),
  },
  {
    name: 'private-file',
    about: 'private.json (private/private-store.ts)',
    open: () =>
      fileTarget('private.json', {
        valid: (random) =>
          Buffer.from(
            JSON.stringify({
              spoken: random.below(9) - 1,
              refused: [signers[1]!.peerId],
              outcome: random.chance(0.5) ? null : { round: 1, transcript: run.id.toString(), sum: null },
            }),
          ),
        mutate: mutateJson,
        read: async (path) => (await openPrivateStore(path)).memory,
        plants: corrupt.slice(0, 2),
      }),
  },
  {
    name: 'data-commitment',
    about: 'data-commitment.json (state/data-commitment.ts)',
    open: () => {
      const description = { source: 'mnist', sourceSha256: 'ab', samples: 3, indicesSha256: 'cd' }
      return fileTarget('data-commitment.json', {
        valid: (random) =>
          Buffer.from(JSON.stringify({ salt: Buffer.from(random.bytes(32)).toString('hex'), description })),
        mutate: mutateJson,
        read: (path) => commitToData(path, description),
        holds: (value) => must((value as Uint8Array).byteLength === 32, 'a commitment is a digest'),
        plants: corrupt.slice(0, 2),
      })
    },
  },
  {
    name: 'identity-file',
    about: 'key files (identity-file.ts)',
    open: () => {
      const { seed, signer } = identityFromSeed(new Uint8Array(32).fill(1))
      // libp2p's protobuf of an Ed25519 key: its type, then seed and public key.
      const key = Buffer.concat([Uint8Array.of(8, 1, 18, 64), seed, publicKeyFromPeerId(signer.peerId)])
      return fileTarget('identity.key', {
        valid: () => new Uint8Array(key),
        mutate: mutateBytes,
        read: (path) => readIdentityFile(path),
        plants: [bareError('E_KEY'), silent('E_KEY')],
      })
    },
  },
  {
    name: 'rule-memory',
    about: "a rule's memory as a blob (aggregate/rule-memory.ts)",
    open: () => {
      const valid = (random: Random): Uint8Array =>
        encodeMemory({
          own: random.chance(0.5) ? null : { vector: Float32Array.of(1, Number.NaN), values: [1, 2] },
          senders: new Map(
            signers
              .slice(0, random.below(4))
              .map(({ peerId }) => [peerId, { vector: null, values: [random.below(9)] }]),
          ),
        })
      return {
        valid,
        mutate: mutateDocument,
        decode: decodeMemory,
        holds: (value, input) =>
          must(equalBytes(encodeMemory(value as RuleMemory), input), 'a memory has one encoding'),
        plants: [
          missingCheck('E_NOT_CANONICAL', () => valid(Random.of('plant'))),
          bareError('E_MALFORMED'),
          endless('E_MALFORMED'),
          greedy('E_MALFORMED'),
        ],
      }
    },
  },
]
