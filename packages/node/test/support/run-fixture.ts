import {
  type Announcement,
  asWitnessed,
  blobCid,
  createSigner,
  documentCid,
  type Entry,
  entryLeaf,
  type Head,
  type HeadMessage,
  type Manifest,
  merkleRoot,
  type NeighbourRecord,
  PROTOCOL_VERSION,
  type Run,
  type SignedAnnouncement,
  type SignedEntry,
  type Signer,
  sealManifest,
  signAnnouncement,
  signEntry,
  signHead,
} from '@tempered/protocol'
import { imageTask } from '@tempered/train'
import type { CID } from 'multiformats/cid'
import { byteStep } from '../../../../test-support/tier.js'

/** Runs and documents from fixed keys. */
export const seeds: readonly Uint8Array[] = Array.from({ length: 7 }, (_, k) =>
  new Uint8Array(32).fill(k + 1),
)
export const signers: readonly Signer[] = seeds.map((seed) => createSigner(seed))
/** In no run. */
export const strangerSeed: Uint8Array = new Uint8Array(32).fill(200)
export const stranger: Signer = createSigner(strangerSeed)

export const modelCid = (tag: number): CID => blobCid(Uint8Array.of(tag & 0xff, tag >> 8))

export interface RunChanges {
  readonly name?: string
  readonly members?: readonly Signer[]
  readonly parameterCount?: number
  readonly topology?: Record<string, unknown>
  readonly deadlines?: Record<string, number>
  readonly rounds?: number
  readonly initialCid?: string
  readonly rule?: Record<string, unknown>
  readonly settlement?: Manifest['settlement']
  readonly chain?: Record<string, unknown>
  readonly contribution?: { readonly every: number }
  readonly differentialPrivacy?: Manifest['differentialPrivacy']
  readonly localSteps?: number
  readonly privacy?: Manifest['privacy']
}

export function makeRun(changes: RunChanges = {}): Run {
  return sealManifest({
    kind: 'tempered/manifest',
    version: PROTOCOL_VERSION,
    name: changes.name ?? 'fixture',
    seed: 7,
    task: imageTask('softmax', { shape: [1, 1, 1], classes: 2 }).task,
    model: {
      parameterCount: changes.parameterCount ?? 4,
      initialCid: changes.initialCid ?? modelCid(0).toString(),
    },
    rule: changes.rule ?? { name: 'average', params: {}, pre: [] },
    training: {
      rounds: changes.rounds ?? 40,
      localSteps: changes.localSteps ?? 1,
      batchSize: 1,
      learningRate: 0.1,
      momentum: 0,
      weightDecay: 0,
      schedule: { kind: 'constant' },
    },
    topology: changes.topology ?? { name: 'complete', params: {}, mixing: 'uniform' },
    ...(changes.chain === undefined ? {} : { chain: changes.chain }),
    ...(changes.settlement === undefined ? {} : { settlement: changes.settlement }),
    ...(changes.privacy === undefined ? {} : { privacy: changes.privacy }),
    ...(changes.contribution === undefined ? {} : { contribution: changes.contribution }),
    ...(changes.differentialPrivacy === undefined
      ? {}
      : { differentialPrivacy: changes.differentialPrivacy }),
    members: (changes.members ?? signers.slice(0, 4)).map((signer) => signer.peerId),
    deadlines: {
      joinMs: 60_000,
      collectMs: 60_000,
      dialMs: 60_000,
      firstByteMs: 60_000,
      transferMs: 60_000,
      reconnectMs: 60_000,
      ...changes.deadlines,
    },
    limits: {
      maxModelBytes: 1_073_741_840,
      maxAnnouncementBytes: 1024,
      maxEntryBytes: 262_144,
      maxNeighbours: 256,
    },
    patienceRounds: 3,
  })
}

export const run: Run = makeRun()
export const otherRun: Run = makeRun({ name: 'another' })

export function announce(
  signer: Signer,
  round: number,
  changes: Partial<Omit<Announcement, 'version' | 'author'>> = {},
): SignedAnnouncement {
  return signAnnouncement(
    {
      run: run.id,
      round,
      model: modelCid(round + 1),
      byteLength: run.modelBytes,
      parent: run.id,
      norm: 1,
      opinions: null,
      ...changes,
    },
    signer,
  )
}

/** A placeholder CID for entry `height` of a member that wrote no entries in a test. */
export const entryCid = (signer: Signer, height: number): CID =>
  documentCid(new TextEncoder().encode(`${signer.peerId} ${height}`))

/** A head message with a genuine tree below it, which co-signs the given heads. */
export function headOf(
  signer: Signer,
  height: number,
  changes: Partial<Omit<Head, 'version' | 'author' | 'witnessed'>> = {},
  cosigned: readonly HeadMessage[] = [],
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
    cosigned.map(({ head }) => asWitnessed(head.body, run)),
    signer,
  )
}

export function makeEntry(
  height: number,
  parent: CID,
  changes: Partial<Omit<Entry, 'version' | 'author'>> = {},
  signer: Signer = signers[0],
): SignedEntry {
  const round = changes.round ?? height
  const neighbours: NeighbourRecord[] = [
    {
      peer: signers[1].peerId,
      announcement: announce(signers[1], round).bytes,
      accepted: true,
      weight: 0.5,
      score: 0.25,
      threshold: null,
      reason: 'within',
      arrival: 0,
      latenessMs: 3,
    },
  ]
  return signEntry(
    {
      run: run.id,
      height,
      parent,
      round,
      start: modelCid(round === 0 ? 0 : 500 + round - 1),
      announcement: announce(signer, round, { parent }).bytes,
      neighbours,
      rule: { name: 'average', params: {}, pre: [] },
      ownWeight: 0.5,
      losses: [],
      aggregate: modelCid(500 + round),
      memory: null,
      dataCommitment: null,
      localSteps: 1,
      metrics: { trainingLoss: 0.5, testLoss: null, testMetric: null },
      clock: { wallMs: 1_700_000_000_000 + height, monotonicMs: height },
      ...changes,
    },
    signer,
  )
}

/** A valid chain of member 0; only the odd entries carry a neighbour's announcement, which keeps it small. */
export function makeChain(length: number): SignedEntry[] {
  const entries: SignedEntry[] = []
  for (let height = 0; height < length; height++) {
    const changes = height % 2 === 0 ? { neighbours: [] } : {}
    entries.push(makeEntry(height, entries.at(-1)?.cid ?? run.id, changes))
  }
  return entries
}

/**
 * Offsets in a file at which something interesting may happen when it is cut: around borders and in the last part. In the
 * quick tier those at the borders, and some of the others.
 */
export function cuts(borders: readonly number[]): number[] {
  const last = borders.at(-2)!
  const isNear = (offset: number, distance: number) =>
    borders.some((border) => Math.abs(border - offset) <= distance)
  return Array.from({ length: borders.at(-1)! }, (_, offset) => offset)
    .filter((offset) => offset >= last || isNear(offset, 45))
    .filter((offset, k) => k % byteStep === 0 || isNear(offset, 1))
}

/** Where each part begins when they are concatenated, and where the last one ends. */
export function bordersOf(parts: readonly Uint8Array[]): number[] {
  const borders = [0]
  for (const part of parts) borders.push(borders.at(-1)! + part.byteLength)
  return borders
}
