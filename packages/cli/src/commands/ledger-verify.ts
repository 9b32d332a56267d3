import { counted } from '@tempered/errors'
import { placeOf, skippedText, verdictsOf } from '@tempered/lab/documents'
import { isOpenEnded } from '@tempered/lab/text'
import type { FinalVerdict, SkippedRounds } from '@tempered/node'
import pc from 'picocolors'
import { CliError } from '../errors.js'
import { warn } from '../terminal/warning.js'
import { ledgerFiles } from './ledger-paths.js'

/**
 * `tempered ledger verify`: prints a line per ledger; throws E_LEDGER_INVALID (exit 6) when one is bad. Every ledger is
 * compared with the final heads next to any of them.
 */
export async function ledgerVerify(
  paths: readonly string[],
  options: { readonly json?: boolean },
): Promise<void> {
  const files: string[] = []
  const troubles: unknown[] = []
  for (const path of paths) {
    try {
      files.push(...(await ledgerFiles(path)))
    } catch (error) {
      // The others are still checked.
      troubles.push(error)
    }
  }
  const bad: string[] = []
  const verdicts = verdictsOf(files, (error) => troubles.push(error))
  for await (const verdict of verdicts) {
    process.stdout.write(`${options.json ? jsonLine(verdict) : textLine(verdict)}\n`)
    if (!verdict.ok) bad.push(verdict.path)
  }
  const last = bad.length > 0 ? undefined : troubles.pop()
  for (const trouble of troubles) warn(trouble)
  if (bad.length > 0)
    throw new CliError('E_LEDGER_INVALID', `${bad.length} of ${counted(files.length, 'ledger')} not valid`)
  if (last !== undefined) throw last
}

function textLine(verdict: FinalVerdict): string {
  if (!verdict.ok)
    return `${pc.red('bad')}  ${verdict.path}: ${placeOf(verdict.entry)}: ${verdict.code}: ${verdict.message}`
  const { path, entries, run, head, finalRound, skipped = [] } = verdict
  const { rounds } = run.manifest.training
  const ofRounds = isOpenEnded(rounds) ? '' : ` of ${counted(rounds, 'round')}`
  const gaps = skipped.length === 0 ? '' : `, ${skippedRounds(skipped)} skipped`
  const final =
    finalRound === undefined
      ? ''
      : `, final up to round ${finalRound + 1} (more than two thirds of the members have signed it)`
  return `${pc.green('ok')}   ${path}: ${counted(entries, 'entry', 'entries')}${ofRounds}${gaps}${final}, head ${head}, run ${run.id}`
}

/** The most gaps that one line names. */
const MOST_GAPS = 5

function skippedRounds(gaps: readonly SkippedRounds[]): string {
  const more = gaps.length > MOST_GAPS ? ` and ${counted(gaps.length - MOST_GAPS, 'gap')} more` : ''
  return `${gaps.slice(0, MOST_GAPS).map(skippedText).join(', ')}${more}`
}

function jsonLine(verdict: FinalVerdict): string {
  if (!verdict.ok) return JSON.stringify(verdict)
  const { path, author, entries, finalHeight, skipped = [] } = verdict
  return JSON.stringify({
    ok: true,
    path,
    run: verdict.run.id.toString(),
    author,
    entries,
    skipped: skipped.map(({ first, last }) => ({ first: first + 1, last: last + 1 })),
    head: verdict.head.toString(),
    finalHeight: finalHeight ?? null,
  })
}
