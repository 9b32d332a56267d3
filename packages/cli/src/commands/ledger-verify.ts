import { errorMessage, type LedgerVerdict, runTopology, verifyLedgerFile } from '@tempered/node'
import pc from 'picocolors'
import { CliError } from '../errors.js'
import { ledgerFiles } from './ledger-paths.js'

/** `tempered ledger verify`: a line a ledger; throws E_LEDGER_INVALID (exit 6) when one is bad. */
export async function ledgerVerify(
  paths: readonly string[],
  options: { readonly json?: boolean },
): Promise<void> {
  const files: string[] = []
  let missing: unknown
  for (const path of paths) {
    try {
      files.push(...(await ledgerFiles(path)))
    } catch (error) {
      // The others are checked all the same.
      process.stderr.write(`${errorMessage(error)}\n`)
      missing ??= error
    }
  }
  const bad: string[] = []
  for (const file of files) {
    const verdict = await verifyLedgerFile(file, undefined, (run) => runTopology(run).neighboursOf)
    process.stdout.write(`${options.json ? jsonLine(verdict) : textLine(verdict)}\n`)
    if (!verdict.ok) bad.push(file)
  }
  if (bad.length > 0)
    throw new CliError('E_LEDGER_INVALID', `${bad.length} of ${files.length} ledgers are not valid`)
  if (missing !== undefined) throw missing
}

function textLine(verdict: LedgerVerdict): string {
  if (!verdict.ok) {
    const where = verdict.entry < 0 ? 'header or manifest' : `entry ${verdict.entry}`
    return `${pc.red('bad')}  ${verdict.path}: ${where}: ${verdict.code}: ${verdict.message}`
  }
  return `${pc.green('ok')}   ${verdict.path}: ${verdict.entries} entries of ${verdict.run.manifest.training.rounds} rounds, head ${verdict.head}, run ${verdict.run.id}`
}

function jsonLine(verdict: LedgerVerdict): string {
  if (!verdict.ok) return JSON.stringify(verdict)
  const { path, author, entries } = verdict
  return JSON.stringify({
    ok: true,
    path,
    run: verdict.run.id.toString(),
    author,
    entries,
    head: verdict.head.toString(),
  })
}
