import type { Candidate, Proposal } from '@tempered/chain'
import { decodeAnnouncement, type Run, type SignedEntry, type SignedHead } from '@tempered/protocol'

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
