import type { Candidate, Proposal } from '@tempered/chain'
import {
  decodeAnnouncement,
  type Run,
  type SignedAnnouncement,
  type SignedEntry,
  type SignedHead,
} from '@tempered/protocol'
import type { AbsentModel, ArrivedModel } from '../aggregate/pipeline.js'

/** A round that a member has closed, as it would stand in a block. */
export function proposalOf(
  entry: SignedEntry,
  run: Run,
  newestHead: (author: string) => SignedHead | undefined,
): Proposal {
  const { round, author, aggregate } = entry.body
  const heads = run.manifest.members.flatMap((peer, member) => {
    const known = peer === author ? entry.cid : newestHead(peer)?.body.entry
    return known === undefined ? [] : [{ member, entry: known }]
  })
  return { round, heads, candidates: candidatesOf(entry, run), aggregate }
}

/** What a node has of each neighbour's model when a round ends. */
export type Collected = readonly (ArrivedModel | AbsentModel)[]

/** A node's own model and those that arrived, in member order. */
export function collectedCandidates(own: SignedAnnouncement, collected: Collected, run: Run): Candidate[] {
  const arrived = collected.flatMap((model) =>
    model.status === 'ready' ? [decodeAnnouncement(model.announcement)] : [],
  )
  return [own, ...arrived]
    .map(({ body: { author, model } }) => ({ member: run.memberIndex.get(author)!, model }))
    .sort((a, b) => a.member - b.member)
}

/** Models of members that were not chosen count as absent: the ledger says why, and replays leave them out too. */
export function onlyChosen(collected: Collected, chosen: ReadonlySet<number>, run: Run): Collected {
  return collected.map((model) => {
    if (model.status === 'absent' || chosen.has(run.memberIndex.get(model.peer)!)) return model
    const { peer, announcement } = model
    return { status: 'absent', peer, reason: 'outvoted', announcement }
  })
}

/** The models that an entry aggregated, in member order: its author's own and those that had arrived. */
export function candidatesOf({ body }: SignedEntry, run: Run): Candidate[] {
  const own = {
    member: run.memberIndex.get(body.author)!,
    model: decodeAnnouncement(body.announcement).body.model,
  }
  const arrived = body.neighbours.flatMap(({ peer, announcement, arrival }) =>
    arrival === null || announcement === null
      ? []
      : [{ member: run.memberIndex.get(peer)!, model: decodeAnnouncement(announcement).body.model }],
  )
  return [own, ...arrived].sort((a, b) => a.member - b.member)
}
