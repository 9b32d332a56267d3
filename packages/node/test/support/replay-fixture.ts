import {
  blobCid,
  type Entry,
  encodeModel,
  type NeighbourRecord,
  type SignedEntry,
  type Signer,
} from '@tempered/protocol'
import { recordedLosses } from '../../src/aggregate/own-losses.js'
import { replayRound } from '../../src/aggregate/pipeline.js'
import { encodeMemory } from '../../src/aggregate/rule-memory.js'
import { createReplay } from '../../src/ledger/replay.js'
import { announce, makeEntry, modelCid, run, signers } from './run-fixture.js'

/** Blobs of a replayable run by CID; `lookup` is what replays take. */
export const blobs = new Map<string, Uint8Array>()
export const lookup = async (cid: string): Promise<Uint8Array | undefined> => blobs.get(cid)

/** A model of the fixture's run, in `blobs`. */
export function storeModel(...values: number[]) {
  return store(encodeModel(Float32Array.from(values)))
}

function store(bytes: Uint8Array) {
  const cid = blobCid(bytes)
  blobs.set(cid.toString(), bytes)
  return cid
}

// The fixture's manifest names this CID; replays only need some model under it.
blobs.set(modelCid(0).toString(), encodeModel(new Float32Array(4)))

/** Member k's model of a round: k + 10·round in every coordinate. */
export function modelOf(member: number, round: number) {
  const value = member + 10 * round
  return storeModel(value, value, value, value)
}

const announceModel = (signer: Signer, member: number, round: number, parent = run.id) =>
  announce(signer, round, { model: modelOf(member, round), parent }).bytes

/**
 * An entry of member 0, whose neighbours are the members 1 and 2, as the rule computes it from the models in `blobs`;
 * `changes` falsify it; it is still signed by member 0.
 */
export async function replayableEntry(
  below: SignedEntry | undefined,
  changes: Partial<Entry> = {},
): Promise<SignedEntry> {
  const height = below === undefined ? 0 : below.body.height + 1
  const parent = below?.cid ?? run.id
  const record = (member: number): NeighbourRecord => ({
    peer: signers[member].peerId,
    announcement: announceModel(signers[member], member, height),
    accepted: true,
    weight: 0,
    score: null,
    threshold: null,
    reason: 'accepted',
    arrival: member - 1,
    latenessMs: 1,
  })
  const claimed: Partial<Entry> = {
    start: below?.body.aggregate ?? modelCid(0),
    announcement: announceModel(signers[0], 0, height, parent),
    neighbours: [record(1), record(2)],
  }
  const input = await createReplay(run, lookup).load(makeEntry(height, parent, claimed), below)
  const out = new Float32Array(4)
  const { records, ownWeight, memory } = replayRound({ ...input, out }, recordedLosses([]))
  return makeEntry(height, parent, {
    ...claimed,
    neighbours: [...records],
    ownWeight,
    aggregate: storeModel(...out),
    memory: memory === undefined ? null : store(encodeMemory(memory)),
    ...changes,
  })
}
