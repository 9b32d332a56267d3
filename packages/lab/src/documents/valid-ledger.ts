import { counted } from '@tempered/errors'
import {
  collectFinals,
  type FinalVerdict,
  ledgerEntries,
  runTopology,
  type SkippedRounds,
  verifyAgainstFinals,
} from '@tempered/node'
import type { Run, SignedEntry } from '@tempered/protocol'
import { LabError } from '../errors.js'

/** A ledger file that was checked completely. */
export type ValidLedger = Extract<FinalVerdict, { ok: true }>

/** Checks ledger files, one after the other, each against the final heads found next to any of them. */
export async function* verdictsOf(
  files: readonly string[],
  onBadFinals: (error: unknown) => void,
): AsyncGenerator<FinalVerdict> {
  const finals = await collectFinals(files, onBadFinals)
  for (const file of files)
    yield await verifyAgainstFinals(file, finals, (run) => runTopology(run).neighboursOf)
}

/** Throws E_LEDGER_INVALID unless the file is valid, and the errors of final heads next to it. */
export async function openValidLedger(file: string): Promise<ValidLedger> {
  const verdicts = verdictsOf([file], (error) => {
    throw error
  })
  for await (const verdict of verdicts) {
    if (verdict.ok) return verdict
    throw new LabError(
      'E_LEDGER_INVALID',
      `${file}: ${placeOf(verdict.entry)}: ${verdict.code}: ${verdict.message}`,
    )
  }
  throw new LabError('E_FILE', `${file}: not a ledger`)
}

/** Where a ledger is bad; entries are counted from 1, as rounds are. */
export function placeOf(entry: number): string {
  return entry < 0 ? 'header or manifest' : `entry ${entry + 1}`
}

/** Throws E_USAGE for a round (from 1) that the run does not have. */
export function checkRound(run: Run, round: number): void {
  const { rounds } = run.manifest.training
  if (round > rounds)
    throw new LabError(
      'E_USAGE',
      `there is no round ${round}: the run has ${counted(rounds, 'round')}, counted from 1`,
    )
}

/** The entry of a round (from 1) with the entry below it. Throws E_USAGE when the ledger has none. */
export async function entryOfRound(
  ledger: ValidLedger,
  round: number,
): Promise<{ readonly entry: SignedEntry; readonly parent: SignedEntry | undefined }> {
  checkRound(ledger.run, round)
  let parent: SignedEntry | undefined
  for await (const entry of ledgerEntries(ledger.path)) {
    if (entry.body.round === round - 1) return { entry, parent }
    parent = entry
  }
  throw noSuchRound(ledger, round, parent?.body.round)
}

/** The last entry. Throws E_USAGE when the ledger has none. */
export async function lastEntry({ path }: ValidLedger): Promise<SignedEntry> {
  let last: SignedEntry | undefined
  for await (const entry of ledgerEntries(path)) last = entry
  if (last !== undefined) return last
  throw new LabError('E_USAGE', `${path} has no entry yet: no round of this node is over`, { path })
}

/** Rounds of a gap in a ledger for people: "round 12", "rounds 12 to 15". */
export function skippedText({ first, last }: SkippedRounds): string {
  return first === last ? `round ${first + 1}` : `rounds ${first + 1} to ${last + 1}`
}

/**
 * The error for a round (from 1) that the run has but the ledger does not; `last` is the ledger's last round, 0-based.
 */
export function noSuchRound(
  { path, run, entries, skipped = [] }: ValidLedger,
  round: number,
  last: number | undefined,
): LabError {
  const gap = skipped.find((rounds) => rounds.first < round && round - 1 <= rounds.last)
  if (gap !== undefined)
    return new LabError(
      'E_USAGE',
      `${path} has no entry for round ${round}: it skips ${skippedText(gap)}, when this node was away; it goes on with round ${gap.last + 2}`,
    )
  const held =
    last === undefined ? 'no entry' : `${counted(entries, 'entry', 'entries')}, the last of round ${last + 1}`
  return new LabError(
    'E_USAGE',
    `${path} has no entry for round ${round}: it holds ${held}; the run has ${counted(run.manifest.training.rounds, 'round')}`,
  )
}
