import { encodeCanonical, equalBytes } from './codec.js'
import { type Contribution, type Entry, FREE_RIDE_REASONS, type FreeRideReason } from './entry.js'

/** What the members of a run say about one of them, over all rounds. */
export interface MemberContribution {
  readonly peer: string
  /** Members that scored it in at least one round. */
  readonly scorers: number
  /**
   * Median over these of each one's mean `leaveOneOut`: by how much its models lowered the others' losses. Null when
   * nobody measured it.
   */
  readonly gain: number | null
  /** Scorers that gave a reason in more than half of the rounds in which they scored it. */
  readonly flaggedBy: number
  /** How many of those gave each reason, in any round; reasons that none of them gave are absent. */
  readonly reasons: Readonly<Partial<Record<FreeRideReason, number>>>
  /** Rounds in which it scored, so that its own entry says something about its own model. */
  readonly ownRounds: number
  /** Those of them in which its own entry gives a reason to take it for a free rider. */
  readonly admittedRounds: number
}

/**
 * Whether there are grounds to call a member a free rider: more than half of at least two scorers flag it, or its own
 * entries do in more than two thirds of the rounds that they score. So a minority that lies about a member cannot make it
 * one, and cannot acquit it either. What a member's entries say about itself is as true as their replay. They are one
 * voice, which is why they have to say it more often.
 */
export function isFreeRider(member: MemberContribution): boolean {
  const { scorers, flaggedBy, ownRounds, admittedRounds } = member
  return (scorers >= 2 && 2 * flaggedBy > scorers) || 3 * admittedRounds > 2 * ownRounds
}

/** Who copied within a round cannot be seen: it may be the victim that looks like the copy. */
const HINT: FreeRideReason = 'later-copy'

/** What one member says about another in one round. */
interface Opinion {
  readonly round: number
  readonly leaveOneOut: number | null
  readonly freeRide: FreeRideReason | null
}

/** What a member's entry of one round says about others and itself. */
export interface ScoredRound {
  readonly author: string
  readonly round: number
  /** Peer ids of the neighbours, in the order of the scores. */
  readonly neighbours: readonly string[]
  /** Of runs that score contributions. */
  readonly contribution?: Pick<Contribution, 'own' | 'neighbours'> | undefined
}

/**
 * Summary of the scores in the entries of a run, one per member, in the order of `members`. The result does not depend
 * on the order of the entries. An entry that is given twice counts once; of a member that signed different entries for
 * one round, none of that round counts. Entries and scores of peers that are not members are left out, and what a
 * member says about itself.
 *
 * @param entries - of any of the members; their signatures must have been checked
 */
export function contributionsOf(
  entries: Iterable<Entry>,
  members: readonly string[],
): readonly MemberContribution[] {
  const rounds = oncePerRound(entries, new Set(members)).map(
    ({ author, round, neighbours, contribution }): ScoredRound => ({
      author,
      round,
      neighbours: neighbours.map(({ peer }) => peer),
      contribution,
    }),
  )
  return summariseRounds(rounds, members)
}

/** The same for rounds as nodes report them, each once. */
export function summariseRounds(
  rounds: Iterable<ScoredRound>,
  members: readonly string[],
): readonly MemberContribution[] {
  const told = new Map(members.map((peer) => [peer, new Map<string, Opinion[]>()]))
  const own = new Map(members.map((peer) => [peer, { ownRounds: 0, admittedRounds: 0 }]))
  for (const { author, round, neighbours, contribution } of rounds) {
    const counts = own.get(author)
    if (counts === undefined) continue
    const about = contribution?.own ?? null
    if (about !== null) counts.ownRounds += 1
    if (about !== null && about.freeRide !== null) counts.admittedRounds += 1
    for (const [k, score] of (contribution?.neighbours ?? []).entries()) {
      const peer = neighbours[k]
      if (score === null || peer === undefined || peer === author) continue
      const opinions = told.get(peer)
      const { leaveOneOut, freeRide } = score
      const opinion = { round, leaveOneOut, freeRide }
      const list = opinions?.get(author)
      if (list === undefined) opinions?.set(author, [opinion])
      else list.push(opinion)
    }
  }
  return [...told].map(([peer, scorers]) => ({
    peer,
    ...summaryOf([...scorers.values()]),
    ...own.get(peer)!,
  }))
}

function summaryOf(
  scorers: readonly (readonly Opinion[])[],
): Pick<MemberContribution, 'scorers' | 'gain' | 'flaggedBy' | 'reasons'> {
  const means: number[] = []
  const reasons: Partial<Record<FreeRideReason, number>> = {}
  let flaggedBy = 0
  for (const opinions of scorers) {
    // By round: the order of a sum decides about its last bits.
    const inOrder = [...opinions].sort((a, b) => a.round - b.round)
    const gains = inOrder.flatMap(({ leaveOneOut }) => (leaveOneOut === null ? [] : [leaveOneOut]))
    if (gains.length > 0) means.push(gains.reduce((sum, gain) => sum + gain, 0) / gains.length)
    const given = opinions.flatMap(({ freeRide }) =>
      freeRide === null || freeRide === HINT ? [] : [freeRide],
    )
    if (2 * given.length <= opinions.length) continue
    flaggedBy += 1
    for (const reason of new Set(given)) reasons[reason] = (reasons[reason] ?? 0) + 1
  }
  return {
    scorers: scorers.length,
    gain: median(means),
    flaggedBy,
    reasons: Object.fromEntries(
      FREE_RIDE_REASONS.flatMap((reason) =>
        reasons[reason] === undefined ? [] : [[reason, reasons[reason]]],
      ),
    ),
  }
}

/** One entry of each member and round; none where there are different ones. */
function oncePerRound(entries: Iterable<Entry>, members: ReadonlySet<string>): Entry[] {
  const found = new Map<string, Entry | null>()
  for (const entry of entries) {
    if (!members.has(entry.author)) continue
    const key = `${entry.author} ${entry.round}`
    const other = found.get(key)
    if (other === undefined) found.set(key, entry)
    else if (other !== null && other !== entry && !isSame(other, entry)) found.set(key, null)
  }
  return [...found.values()].flatMap((entry) => (entry === null ? [] : [entry]))
}

function isSame(a: Entry, b: Entry): boolean {
  return equalBytes(encodeCanonical(a), encodeCanonical(b))
}

/** The middle value, or the mean of the middle two; null for none. */
function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return null
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
