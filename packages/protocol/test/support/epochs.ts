import type { Entry, SignedEntry } from '../../src/entry.js'
import { signEntry } from '../../src/entry.js'
import {
  type Amendment,
  approvalOf,
  approveChange,
  type ChangeMessage,
  openChange,
  proposeChange,
} from '../../src/epochs/change.js'
import { electorateOf, isOwnAffair } from '../../src/epochs/electorate.js'
import { createSigner, type Signer } from '../../src/identity.js'
import { type Run, sealManifest } from '../../src/manifest.js'
import { announce, entryBody, manifestValue, neighbourRecord } from './documents.js'

/** Keys 0 to 3 are members of the fixture; the others may become such. */
export const keys: readonly Signer[] = Array.from({ length: 40 }, (_, k) =>
  createSigner(new Uint8Array(32).fill(k + 1)),
)

export const peer = (key: number): string => keys[key].peerId

/** The run of the fixture with that many members. */
export function runOf(members = 4, more: Record<string, unknown> = {}): Run {
  return sealManifest({
    ...manifestValue(),
    members: keys.slice(0, members).map(({ peerId }) => peerId),
    ...more,
  })
}

export const add = (key: number): Amendment => ({ kind: 'add', member: peer(key) })
export const remove = (key: number): Amendment => ({ kind: 'remove', member: peer(key) })
export const replace = (key: number, by: number): Amendment => ({
  kind: 'replace',
  member: peer(key),
  by: peer(by),
})
export const rounds = (count: number): Amendment => ({ kind: 'rounds', rounds: count })

/** A change with the signatures of these keys. */
export function signed(
  run: Run,
  from: number,
  amendment: Amendment,
  signers: readonly number[] = [0, 1, 2],
): ChangeMessage {
  const [first, ...others] = signers
  let message = proposeChange({ run, from, amendment }, keys[first])
  for (const key of others) message = approveChange(message, keys[key])
  return isOwnAffair(message, run) ? byOthers(message, run) : message
}

/** As the nodes of the others sign what a member says of itself. */
function byOthers(message: ChangeMessage, run: Run): ChangeMessage {
  const { electors } = electorateOf(message, run)
  return keys.reduce((more, key) => (electors.has(key.peerId) ? approveChange(more, key) : more), message)
}

/** The part of a change that one key has signed, as it would come from that. */
export const part = (message: ChangeMessage, key: number): ChangeMessage =>
  openChange(approvalOf(message, peer(key))!.bytes)

/** An entry of key 0 in an epoch, with every other member as a neighbour that said nothing. */
export function entryIn(
  view: Run,
  height: number,
  parent: SignedEntry | undefined,
  changes: Partial<Omit<Entry, 'version' | 'author'>> = {},
  author: Signer = keys[0],
): SignedEntry {
  const round = changes.round ?? height
  const parentCid = parent?.cid ?? view.id
  return signEntry(
    {
      ...entryBody(height, parentCid, {}, author),
      run: view.id,
      ...(view.epoch === undefined ? {} : { epoch: view.epoch }),
      round,
      start: parent?.body.aggregate ?? entryBody(0, parentCid).start,
      announcement: announce(author, round, { run: view.id, parent: parentCid, byteLength: view.modelBytes })
        .bytes,
      neighbours: view.manifest.members
        .filter((member) => member !== author.peerId)
        .map((member) =>
          neighbourRecord(keys.find(({ peerId }) => peerId === member)!, round, {
            announcement: null,
            accepted: false,
            weight: 0,
            score: null,
            threshold: null,
            reason: 'silent',
            arrival: null,
            latenessMs: null,
          }),
        ),
      ...changes,
    },
    author,
  )
}
