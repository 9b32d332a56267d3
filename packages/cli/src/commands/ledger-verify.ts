import { type LedgerVerdict, runTopology, verifyLedgerFile } from '@tempered/node'
import pc from 'picocolors'
import { CliError } from '../errors.js'
import { ledgerFiles } from './ledger-paths.js'

/** `tempered ledger verify`: a line a ledger; throws E_LEDGER_INVALID (exit 6) when one is bad. */
export async function ledgerVerify(
  paths: readonly string[],
  options: { readonly json?: boolean },
): Promise<void> {
  const files = (await Promise.all(paths.map(ledgerFiles))).flat()
  const bad: string[] = []
  for (const file of files) {
    const verdict = await verifyLedgerFile(file, undefined, (run) => runTopology(run).neighboursOf)
    process.stdout.write(`${options.json ? jsonLine(verdict) : textLine(verdict)}\n`)
    if (!verdict.ok) bad.push(file)
  }
  if (bad.length > 0)
    throw new CliError('E_LEDGER_INVALID', `${bad.length} of ${files.length} ledgers are not valid`)
}

function textLine(verdict: LedgerVerdict): string {
  if (!verdict.ok) {
    const where = verdict.entry < 0 ? 'header or manifest' : `entry ${verdict.entry}`
    return `${pc.red('bad')}  ${verdict.path}: ${where}: ${verdict.code}: ${verdict.message}`
  }
  return `${pc.green('ok')}   ${verdict.path}: ${verdict.entries} entries, head ${verdict.head}, run ${verdict.run.id}`
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
