import { counted, isFileError } from '@tempered/errors'
import { CarError, type CheckedProof, checkProofFile, errorCode, errorMessage } from '@tempered/node'
import type { Run } from '@tempered/protocol'
import pc from 'picocolors'
import { CliError } from '../errors.js'
import { misdeedText } from '../terminal/evidence-text.js'

export interface LedgerCheckOptions {
  /** The run that the proofs must belong to. */
  readonly run?: string
  readonly json?: boolean
}

/**
 * `tempered ledger check`: what each proof file proves, from its bytes alone. Throws E_NOT_CONVINCING (exit 6) when one
 * is not valid, or belongs to a run other than the given one.
 */
export async function ledgerCheck(files: readonly string[], options: LedgerCheckOptions): Promise<void> {
  const print = (json: unknown, text: string): void => {
    process.stdout.write(`${options.json ? JSON.stringify(json) : text}\n`)
  }
  let failed = 0
  let missing: unknown
  for (const path of files) {
    try {
      const checked = await checkProofFile(path)
      if (options.run !== undefined && checked.run.id.toString() !== options.run)
        throw new CliError('E_NOT_CONVINCING', `belongs to run ${checked.run.id}, not to ${options.run}`)
      print(proofJson(path, checked), proofText(path, checked, options.run !== undefined))
    } catch (error) {
      if (isNoProof(error)) {
        failed += 1
        const [code, message] = [errorCode(error), errorMessage(error)]
        print({ ok: false, path, code, message }, `${pc.red('no')}   ${path}: ${code}: ${message}`)
        continue
      }
      if (!isFileError(error)) throw error
      missing ??= new CliError('E_FILE', `${path}: ${errorMessage(error)}`, { path }, error)
      process.stderr.write(`${path}: ${errorMessage(error)}\n`)
    }
  }
  if (failed > 0)
    throw new CliError('E_NOT_CONVINCING', `${failed} of ${counted(files.length, 'proof')} not valid`)
  if (missing !== undefined) throw missing
}

/** Errors caused by the bytes of a proof have one of our codes. Others are bugs or disk errors. */
function isNoProof(error: unknown): boolean {
  const code = errorCode(error)
  return error instanceof CarError || (code !== 'E_INTERNAL' && code !== 'E_IO')
}

function proofText(path: string, checked: CheckedProof, runGiven: boolean): string {
  const { run } = checked
  const runText = `run ${run.id} ("${run.manifest.name}", ${counted(run.manifest.members.length, 'member')})`
  return [
    `${pc.green('yes')}  ${path}: ${statement(checked)}`,
    `     it belongs to ${runText}${runGiven ? '' : '; give --run to check that this is the right one'}`,
    ...signers(checked).map((signer) => `     signed by ${signer}`),
  ].join('\n')
}

function statement(checked: CheckedProof): string {
  if (checked.kind === 'misbehaviour') {
    const { evidence, judgement } = checked
    return `proves that ${evidence.offender} ${misdeedText(evidence, judgement)}`
  }
  if (checked.kind === 'consistency') {
    const { older, newer, signers, quorum, run } = checked.consistency
    return (
      `proves that the ledger of ${newer.body.author}, final up to round ${newer.body.round + 1}, begins with the one that ` +
      `it signed after round ${older.body.round + 1} (${older.body.entry}): ` +
      `${signers.length} of ${counted(run.manifest.members.length, 'member')} signed for it, ${counted(quorum, 'is', 'are')} required`
    )
  }
  const { entry, head, signers, quorum, run } = checked.inclusion
  return (
    `proves that the entry of round ${entry.body.round + 1} (${entry.cid}) is in the ledger of ` +
    `${entry.body.author}, whose head after round ${head.body.round + 1} is final: ` +
    `${signers.length} of ${counted(run.manifest.members.length, 'member')} signed for it, ${counted(quorum, 'is', 'are')} required`
  )
}

/** Peer ids (public keys) of the signers that the proof depends on. */
function signers(checked: CheckedProof): readonly string[] {
  if (checked.kind === 'misbehaviour') return [checked.evidence.offender]
  return checked.kind === 'inclusion' ? checked.inclusion.signers : checked.consistency.signers
}

function proofJson(path: string, checked: CheckedProof): unknown {
  const run: Run = checked.run
  const common = {
    ok: true,
    path,
    run: run.id.toString(),
    runName: run.manifest.name,
    signers: signers(checked),
  }
  if (checked.kind === 'inclusion') {
    const { entry, head, quorum } = checked.inclusion
    const { author, height, round } = entry.body
    return {
      ...common,
      kind: 'inclusion',
      author,
      height,
      round,
      entry: entry.cid.toString(),
      headHeight: head.body.height,
      quorum,
    }
  }
  if (checked.kind === 'consistency') {
    const { older, newer, quorum } = checked.consistency
    return {
      ...common,
      kind: 'consistency',
      author: newer.body.author,
      olderHeight: older.body.height,
      older: older.body.entry.toString(),
      headHeight: newer.body.height,
      quorum,
    }
  }
  const { evidence, judgement } = checked
  return {
    ...common,
    kind: evidence.kind,
    offender: evidence.offender,
    round: evidence.round,
    what: judgement.what,
    difference: judgement.difference ?? null,
  }
}
