import { dirname, join } from 'node:path'
import type { ValidLedger } from '@tempered/lab/documents'
import {
  type AnnouncementIndex,
  type BlobLookup,
  diffLedgers,
  EVIDENCE_FILE,
  type Judgement,
  judgeEvidence,
  readEvidenceFile,
  type WrongRound,
} from '@tempered/node'
import {
  type Evidence,
  makeEntryEvidence,
  ProtocolError,
  type Run,
  type SignedEntry,
} from '@tempered/protocol'
import pc from 'picocolors'
import { misdeedText } from '../terminal/evidence-text.js'
import { type Names, peerText } from '../terminal/peer-names.js'

/** A member against whom there is evidence of one kind; of several pieces, that of the earliest round. */
export interface Offender {
  readonly kind: 'offender'
  readonly evidence: Evidence
  readonly judgement: Judgement
  /** Peer ids of the nodes in whose `evidence.car` it was found. */
  readonly holders: readonly string[]
  /** Peer ids of the nodes whose ledgers show it when compared. */
  readonly tellers: readonly string[]
}

/** Something that a member did and that can be proven to others. */
export type Misdeed = { readonly kind: 'wrong-round'; readonly wrong: WrongRound } | Offender

export interface OffenderSearch {
  readonly run: Run
  readonly blobs: BlobLookup
  readonly ledgers: readonly ValidLedger[]
  /** Every announcement of the ledgers. */
  readonly announcements: AnnouncementIndex
  /** Rounds that replay found to be wrong. Evidence of them is not listed again. */
  readonly wrong: readonly WrongRound[]
  /** Called for evidence files that cannot be read; the others are still read. */
  onBad(error: unknown): void
}

/** Evidence in the folders of the ledgers and in the ledgers themselves, one piece per offender and kind. */
export async function findOffenders(search: OffenderSearch): Promise<Offender[]> {
  const { run, blobs, wrong } = search
  const found = new Map<string, { evidence: Evidence; holders: Set<string>; tellers: Set<string> }>()
  const note = (evidence: Evidence, holder: string | undefined, tellers: readonly string[]): void => {
    const key = `${evidence.kind}/${evidence.offender}`
    const known = found.get(key) ?? { evidence, holders: new Set(), tellers: new Set() }
    if (evidence.round < known.evidence.round) known.evidence = evidence
    if (holder !== undefined) known.holders.add(holder)
    for (const teller of tellers) known.tellers.add(teller)
    found.set(key, known)
  }
  for (const { path, author } of search.ledgers) {
    try {
      for (const evidence of await readEvidenceFile(join(dirname(path), EVIDENCE_FILE), run))
        note(evidence, author ?? path, [])
    } catch (error) {
      search.onBad(error)
    }
  }
  for (const { evidence, announcements } of search.announcements.contradictions())
    note(
      evidence,
      undefined,
      announcements.flatMap(({ ledgers }) => ledgers),
    )
  for (const fork of await forksAmong(search.ledgers)) note(fork, undefined, [fork.offender])
  const offenders: Offender[] = []
  for (const { evidence, holders, tellers } of found.values()) {
    if (evidence.kind === 'wrong-aggregate' && wrong.some(({ entry }) => same(entry, evidence.entry)))
      continue
    offenders.push({
      kind: 'offender',
      evidence,
      judgement: await judge(run, evidence, blobs),
      holders: [...holders],
      tellers: [...tellers],
    })
  }
  return offenders
}

/** Copies of a member's ledger that hold different entries at the same height. */
async function forksAmong(ledgers: readonly ValidLedger[]): Promise<Evidence[]> {
  const forks: Evidence[] = []
  for (const [k, a] of ledgers.entries()) {
    for (const b of ledgers.slice(k + 1)) {
      if (a.author === undefined || a.author !== b.author) continue
      const { fork } = await diffLedgers(a.path, b.path)
      if (fork !== undefined) forks.push(makeEntryEvidence(fork.a, fork.b))
    }
  }
  return forks
}

function same(a: SignedEntry, b: SignedEntry): boolean {
  return a.cid.toString() === b.cid.toString()
}

/** A wrong aggregate in a ledger that is not available cannot be judged without the entry below. */
async function judge(run: Run, evidence: Evidence, blobs: BlobLookup): Promise<Judgement> {
  try {
    return await judgeEvidence(run, evidence, undefined, blobs)
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 'E_PROOF')
      return { status: 'unproven', missing: [error.message] }
    throw error
  }
}

export function offenderText({ evidence, judgement, holders, tellers }: Offender, names: Names): string {
  const list = (peers: readonly string[]): string => peers.map((peer) => names.get(peer) ?? peer).join(', ')
  const sign = {
    proven: pc.red('proven'),
    unproven: pc.yellow('accused'),
    refuted: pc.green('false'),
  }[judgement.status]
  const what = misdeedText(evidence, judgement.status === 'proven' ? judgement : undefined)
  const held = holders.length === 0 ? '' : `; evidence is held by ${list(holders)}`
  const shownBy = tellers.length === 0 ? '' : `; the ledgers of ${list(tellers)} show it`
  const why = judgement.status === 'refuted' ? `; ${judgement.what}` : ''
  return `${sign} ${peerText(evidence.offender, names)} ${what}${held}${shownBy}${why}`
}

export function offenderJson({ evidence, judgement, holders, tellers }: Offender, names: Names): unknown {
  return {
    type: 'offender',
    offender: evidence.offender,
    name: names.get(evidence.offender) ?? null,
    kind: evidence.kind,
    round: evidence.round,
    status: judgement.status,
    holders,
    tellers,
  }
}
