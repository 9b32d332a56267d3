import type { Block } from '@tempered/chain'
import {
  blobCid,
  createSigner,
  documentCid,
  type Entry,
  type SignedEntry,
  signAnnouncement,
} from '@tempered/protocol'
import { sampleRunOf } from '../../src/jobs/job-document.js'
import type { JudgedRound } from '../../src/jobs/outcome.js'
import { sealedJob } from './job.js'

/** Blocks and ledgers of a job of six members and ten paid rounds, with no more in them than is read. */

const MEMBERS = 6
export const text = (value: string): Uint8Array => new TextEncoder().encode(value)
/** The aggregate of a round's block. */
export const modelOf = (round: number) => blobCid(text(`model ${round}`))
export const job = sealedJob()
export const run = sampleRunOf(job, MEMBERS)
export const peers = run.manifest.members
export const all = peers.map((_, member) => member)

/** A block of a round with these members' models and entries. Only what is read is there. */
export function block(
  round: number,
  candidates: readonly number[] = all,
  heads: readonly number[] = all,
): Block {
  const body = {
    round,
    height: round + 1,
    aggregate: modelOf(round),
    candidates: candidates.map((member) => ({ member, model: blobCid(text(`${member} of ${round}`)) })),
    heads: heads.map((member) => ({ member, entry: documentCid(text(`entry ${member} ${round}`)) })),
  }
  return { body, cid: documentCid(text(`block ${round} ${candidates}`)) } as unknown as Block
}

/** A model that differs from the one that its round began with. */
const announcementOf = (member: number, round: number): Uint8Array =>
  signAnnouncement(
    {
      run: run.id,
      round,
      model: blobCid(text(`trained by ${member} in ${round}`)),
      byteLength: run.modelBytes,
      parent: run.id,
      norm: 1,
      opinions: null,
    },
    createSigner(new Uint8Array(32).fill(member + 1)),
  ).bytes

export interface Measured {
  readonly metric?: number | null | undefined
  readonly start?: ReturnType<typeof blobCid>
  readonly leaveOneOut?: (other: number) => number
  readonly freeRide?: (other: number) => string | null
  readonly localSteps?: number
  /** Why a neighbour's model was refused or missing. */
  readonly reason?: (other: number) => string
}

/** A ledger with one entry per round from 1 to `last`, whose models began with the block's before. */
export function ledger(member: number, last: number, measured: Measured = {}): SignedEntry[] {
  // One that is there and undefined is no measurement.
  const metric = 'metric' in measured ? measured.metric : 0.9
  const {
    leaveOneOut = () => 0.01,
    freeRide = () => null,
    localSteps = 20,
    reason = () => 'selected',
  } = measured
  return Array.from({ length: last }, (_, k) => {
    const round = k + 1
    const others = all.filter((other) => other !== member)
    const body = {
      author: peers[member],
      round,
      localSteps,
      start: measured.start ?? modelOf(round - 1),
      neighbours: others.map((other) => ({ peer: peers[other], reason: reason(other) })),
      announcement: announcementOf(member, round),
      contribution: {
        start: { loss: 0.1, metric },
        neighbours: others.map((other) => ({
          leaveOneOut: leaveOneOut(other),
          freeRide: freeRide(other),
          distance: 1,
          cosine: 0.5,
          overlap: 0.5,
          copyOf: null,
        })),
      },
    } as unknown as Entry
    return { body, cid: documentCid(text(`entry ${member} ${round}`)) } as unknown as SignedEntry
  })
}

export const judged = (
  round: number,
  measured: (member: number) => Measured = () => ({}),
  more: Partial<JudgedRound> = {},
): JudgedRound => ({
  run,
  job,
  chain: Array.from({ length: round + 1 }, (_, k) => block(k)),
  ledgers: new Map(peers.map((peer, member) => [peer, ledger(member, round - 1, measured(member))])),
  ...more,
})
