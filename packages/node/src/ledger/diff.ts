import type { NeighbourRecord, SignedEntry } from '@tempered/protocol'
import { type Contradiction, createAnnouncementIndex } from './announcement-index.js'
import { noteAll } from './audit.js'
import { ledgerEntries } from './read-entries.js'

/** Differences between two ledgers of one run. Rounds are 0-based. */
export interface LedgerDiff {
  /** Members that announced two models for one round, as the two ledgers together show. */
  readonly contradictions: readonly Contradiction[]
  /** For two ledgers of one author: the first height at which they have different entries, both signed. */
  readonly fork: { readonly height: number; readonly a: SignedEntry; readonly b: SignedEntry } | undefined
  readonly onlyA: readonly number[]
  readonly onlyB: readonly number[]
  /**
   * Where one accepted a third member's model and the other did not. This is not misbehaviour, since each judges by
   * its own model.
   */
  readonly verdicts: readonly VerdictDifference[]
}

export interface VerdictDifference {
  readonly round: number
  readonly peer: string
  readonly a: NeighbourRecord
  readonly b: NeighbourRecord
}

/** Compares two ledger files that `verifyLedgerFile` has passed and that are of one run. */
export async function diffLedgers(pathA: string, pathB: string): Promise<LedgerDiff> {
  const index = createAnnouncementIndex()
  const byRound = new Map<number, SignedEntry>()
  for await (const entry of ledgerEntries(pathA)) {
    noteAll(entry, index)
    byRound.set(entry.body.round, entry)
  }
  const byHeight = [...byRound.values()]
  const onlyA = new Set(byRound.keys())
  const onlyB: number[] = []
  const verdicts: VerdictDifference[] = []
  let fork: LedgerDiff['fork']
  for await (const entry of ledgerEntries(pathB)) {
    noteAll(entry, index)
    const { round, height } = entry.body
    const counterpart = byHeight[height]
    if (fork === undefined && counterpart?.body.author === entry.body.author) {
      if (!counterpart.cid.equals(entry.cid)) fork = { height, a: counterpart, b: entry }
    }
    const other = byRound.get(round)
    onlyA.delete(round)
    if (other === undefined) onlyB.push(round)
    else verdicts.push(...verdictDifferences(other, entry))
  }
  return { contradictions: index.contradictions(), fork, onlyA: [...onlyA], onlyB, verdicts }
}

function verdictDifferences(a: SignedEntry, b: SignedEntry): VerdictDifference[] {
  const { round } = a.body
  const records = new Map(b.body.neighbours.map((record) => [record.peer, record]))
  return a.body.neighbours.flatMap((record) => {
    const other = records.get(record.peer)
    return other === undefined || other.accepted === record.accepted
      ? []
      : [{ round, peer: record.peer, a: record, b: other }]
  })
}
