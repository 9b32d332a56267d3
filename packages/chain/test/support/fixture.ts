import { createHash } from 'node:crypto'
import {
  blobCid,
  createSigner,
  PROTOCOL_VERSION,
  type Run,
  type Signer,
  sealManifest,
  type VerifySignature,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { type VbflParams, vbfl } from '../../src/architectures/vbfl.js'
import type { Candidate, Proposal } from '../../src/block.js'

/** Members with real keys. */
export const signers: readonly Signer[] = Array.from({ length: 10 }, (_, k) =>
  createSigner(new Uint8Array(32).fill(k + 1)),
)

const digest = (peerId: string, bytes: Uint8Array): Uint8Array => {
  const hash = createHash('sha256').update(peerId).update(bytes).digest()
  return Uint8Array.from([...hash, ...hash])
}

/** The same members with signatures that cost next to nothing and that nobody forges: for many schedules. */
export const cheapSigners: readonly Signer[] = signers.map(({ peerId }) => ({
  peerId,
  sign: (bytes) => digest(peerId, bytes),
}))
export const cheapVerify: VerifySignature = (peerId, bytes, signature) =>
  Buffer.from(digest(peerId, bytes)).equals(signature)

export interface RunChanges {
  readonly members?: number
  readonly rounds?: number
  readonly seed?: number
}

const runs = new Map<string, Run>()

export function makeRun({ members = 4, rounds = 4, seed = 1 }: RunChanges = {}): Run {
  const key = `${members} ${rounds} ${seed}`
  const known = runs.get(key)
  if (known !== undefined) return known
  const run = sealManifest({
    kind: 'tempered/manifest',
    version: PROTOCOL_VERSION,
    name: 'fixture',
    seed,
    task: {},
    model: { parameterCount: 4, initialCid: modelCid('initial').toString() },
    rule: { name: 'average', params: {}, pre: [] },
    training: {
      rounds,
      localSteps: 1,
      batchSize: 1,
      learningRate: 0.1,
      momentum: 0,
      weightDecay: 0,
      schedule: { kind: 'constant' },
    },
    topology: { name: 'complete', params: {}, mixing: 'uniform' },
    members: signers.slice(0, members).map(({ peerId }) => peerId),
    deadlines: {
      joinMs: 60_000,
      collectMs: 60_000,
      dialMs: 60_000,
      firstByteMs: 60_000,
      transferMs: 60_000,
      reconnectMs: 60_000,
    },
    limits: { maxModelBytes: 1024, maxAnnouncementBytes: 1024, maxEntryBytes: 262_144, maxNeighbours: 256 },
    patienceRounds: 3,
  })
  runs.set(key, run)
  return run
}

export const modelCid = (name: string): CID => blobCid(new TextEncoder().encode(name))

/** The model of a member. */
export const modelOf = (member: number, round: number): Candidate => ({
  member,
  model: modelCid(`${member} ${round}`),
})

/** What a member offers after a block; `version` tells two proposals of a liar apart. */
export function proposalOf(member: number, round: number, parent: CID | null, version = ''): Proposal {
  return {
    round,
    heads: [],
    candidates: [modelOf(member, round)],
    aggregate: modelCid(`${member} ${round} ${parent} ${version}`),
  }
}

/** Parameters of vbfl with all defaults. */
export const vbflParams = (params: Partial<VbflParams>): VbflParams => vbfl.params.parse(params)
