import type { CID } from 'multiformats/cid'
import { type Announcement, type SignedAnnouncement, signAnnouncement } from '../../src/announcement.js'
import { type Entry, type NeighbourRecord, type SignedEntry, signEntry } from '../../src/entry.js'
import { ProtocolError } from '../../src/errors.js'
import { blobCid, documentCid } from '../../src/hashing.js'
import {
  asWitnessed,
  entryLeaf,
  type Head,
  type HeadMessage,
  type SignedHead,
  signHead,
} from '../../src/head.js'
import { createSigner, type Signer } from '../../src/identity.js'
import { PROTOCOL_VERSION, type Run, sealManifest } from '../../src/manifest.js'
import { merkleRoot } from '../../src/merkle.js'

/** Documents made from fixed keys, so that every run of the tests has the same bytes. */
export const signers: readonly Signer[] = Array.from({ length: 5 }, (_, k) =>
  createSigner(new Uint8Array(32).fill(k + 1)),
)
/** Signs, but is in no run. */
export const stranger: Signer = createSigner(new Uint8Array(32).fill(200))

/** The CID of a model that no test reads. */
export const modelCid = (tag: number): CID => blobCid(Uint8Array.of(tag & 0xff, tag >> 8))

/** A plain object that is a valid manifest; tests change it and seal it. */
export function manifestValue() {
  return {
    kind: 'tempered/manifest',
    version: PROTOCOL_VERSION,
    name: 'fixture',
    seed: 7,
    task: { kind: 'a task', layout: [{ name: '0.kernel', shape: [2, 7] }] } as Record<string, unknown>,
    model: {
      parameterCount: 14,
      initialCid: modelCid(0).toString(),
    },
    rule: {
      name: 'balance',
      params: { gamma: 0.3, kappa: 1 } as Record<string, number>,
      pre: [] as { name: string; params: Record<string, number> }[],
    },
    training: {
      rounds: 20,
      localSteps: 5,
      batchSize: 32,
      learningRate: 0.05,
      momentum: 0.9,
      weightDecay: 0,
      schedule: { kind: 'inverse-time', decay: 0.01 },
    },
    topology: { name: 'complete', params: {} as Record<string, number>, mixing: 'uniform' },
    members: signers.slice(0, 4).map((signer) => signer.peerId),
    deadlines: {
      joinMs: 1000,
      collectMs: 2000,
      dialMs: 3000,
      firstByteMs: 4000,
      transferMs: 5000,
      reconnectMs: 6000,
    },
    limits: {
      maxModelBytes: 1_073_741_840,
      maxAnnouncementBytes: 1024,
      maxEntryBytes: 262_144,
      maxNeighbours: 256,
    },
    patienceRounds: 3,
  }
}

export const run: Run = sealManifest(manifestValue())
export const otherRun: Run = sealManifest({ ...manifestValue(), name: 'another' })

export function announcementBody(
  round: number,
  changes: Partial<Omit<Announcement, 'version' | 'author'>> = {},
): Omit<Announcement, 'version' | 'author'> {
  return {
    run: run.id,
    round,
    model: modelCid(round + 1),
    byteLength: run.modelBytes,
    parent: run.id,
    norm: 1.5,
    opinions: null,
    ...changes,
  }
}

export function announce(
  signer: Signer,
  round: number,
  changes: Partial<Omit<Announcement, 'version' | 'author'>> = {},
): SignedAnnouncement {
  return signAnnouncement(announcementBody(round, changes), signer)
}

export function neighbourRecord(
  signer: Signer,
  round: number,
  changes: Partial<NeighbourRecord> = {},
): NeighbourRecord {
  return {
    peer: signer.peerId,
    announcement: announce(signer, round).bytes,
    accepted: true,
    weight: 0.25,
    score: 0.125,
    threshold: 2.5,
    reason: 'within',
    arrival: 0,
    latenessMs: 12,
    ...changes,
  }
}

/** An entry body by member 0 at a height; the round is the height unless said otherwise. */
export function entryBody(
  height: number,
  parent: CID,
  changes: Partial<Omit<Entry, 'version' | 'author'>> = {},
  signer: Signer = signers[0],
): Omit<Entry, 'version' | 'author'> {
  const round = changes.round ?? height
  return {
    run: run.id,
    height,
    parent,
    round,
    start: modelCid(round === 0 ? 0 : 1000 + round - 1),
    announcement: announce(signer, round, { parent }).bytes,
    neighbours: [1, 2].map((k) => neighbourRecord(signers[k], round, { arrival: k - 1 })),
    rule: { name: 'balance', params: { gamma: 0.3, kappa: 1 }, pre: [] },
    ownWeight: 0.5,
    losses: [],
    aggregate: modelCid(1000 + round),
    memory: null,
    dataCommitment: null,
    localSteps: 5,
    metrics: { trainingLoss: 0.75, testLoss: null, testMetric: 0.5 },
    clock: { wallMs: 1_790_000_000_000 + height, monotonicMs: 1000 * height },
    ...changes,
  }
}

/** A placeholder entry CID for entry `height` of a member that wrote no entries in this test. */
export const entryCid = (signer: Signer, height: number): CID =>
  documentCid(new TextEncoder().encode(`${signer.peerId} ${height}`))

/** A head message at a height with a genuine tree below it, which co-signs the given heads. */
export function headMessage(
  signer: Signer,
  height: number,
  changes: Partial<Omit<Head, 'version' | 'author' | 'witnessed'>> = {},
  cosigned: readonly SignedHead[] = [],
): HeadMessage {
  const entry = changes.entry ?? entryCid(signer, height)
  const below = Array.from({ length: height }, (_, k) => entryLeaf(entryCid(signer, k)))
  return signHead(
    {
      run: run.id,
      height,
      round: height,
      entry,
      parent: height === 0 ? run.id : entryCid(signer, height - 1),
      root: merkleRoot([...below, entryLeaf(entry)]),
      ...changes,
    },
    cosigned.map((head) => asWitnessed(head.body, run)),
    signer,
  )
}

/** A valid chain of member 0. */
export function makeChain(length: number): SignedEntry[] {
  const entries: SignedEntry[] = []
  for (let height = 0; height < length; height++) {
    const parent = entries.at(-1)?.cid ?? run.id
    entries.push(signEntry(entryBody(height, parent), signers[0]))
  }
  return entries
}

/** The code of the ProtocolError that `work` throws; fails for any other error and for none. */
export function refusal(work: () => unknown): ProtocolError {
  try {
    work()
  } catch (error) {
    if (error instanceof ProtocolError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
export const codeOf = (work: () => unknown): string => refusal(work).code

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
export const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))
