import { basename, dirname, join, relative } from 'node:path'
import { counted, isFileError } from '@tempered/errors'
import { entryOfRound, openValidLedger, type ValidLedger } from '@tempered/lab/documents'
import {
  checkProofFile,
  errorMessage,
  FINALS_FILE,
  ledgerEntries,
  packWholeProof,
  readFinals,
  writeNewFile,
} from '@tempered/node'
import {
  checkConsistency,
  checkInclusion,
  type FinalHead,
  proveConsistency,
  proveInclusion,
  type Run,
  type SignedEntry,
} from '@tempered/protocol'
import { CliError } from '../errors.js'
import { ledgerFiles, nodeName, oneLedgerFile } from './ledger-paths.js'

export interface LedgerProveOptions {
  /** 1-based; the round whose entry is proven. */
  readonly round?: number
  /** An earlier inclusion proof; the new proof shows that the ledger extends the one of that proof. */
  readonly since?: string
  /** State folder whose final heads are used instead of those next to the ledger. */
  readonly finals?: string
  readonly out?: string
}

/**
 * `tempered ledger prove`: writes a proof that a round's entry is covered by a final head, or that the ledger has not
 * been rewritten since an earlier proof, and prints its path.
 */
export async function ledgerProve(path: string, options: LedgerProveOptions): Promise<void> {
  if ((options.round === undefined) === (options.since === undefined))
    throw new CliError('E_USAGE', 'name what to prove: --round <n>, or --since <an earlier proof>')
  const file = await oneLedgerFile(path)
  const ledger = await openValidLedger(file)
  if (options.since === undefined) await proveRound(ledger, file, options.round!, options)
  else await proveSince(ledger, file, options.since, options)
}

async function proveRound(
  ledger: ValidLedger,
  file: string,
  round: number,
  options: LedgerProveOptions,
): Promise<void> {
  const { author, packed, finals, signers } = await proofOfRound(ledger, options.finals ?? file, round)
  const out = options.out ?? `${nodeName(file)}-round-${round}-inclusion.car`
  await writeProof(out, packed, ledger, `the entry of round ${round} of ${author}`, finals, signers)
}

/**
 * A proof file's bytes: the entry of a round (from 1) is covered by the newest final head found at `finalsPath`. Throws
 * E_UNPROVEN when none covers it.
 */
export async function proofOfRound(ledger: ValidLedger, finalsPath: string, round: number) {
  const { entry } = await entryOfRound(ledger, round)
  const { author, height } = entry.body
  const finals = await newestFinal(ledger.run, author, finalsPath)
  checkBelow(entry, finals, round)
  const proof = proveInclusion(ledger.run, await entriesUpTo(ledger, finals), height, finals)
  const { signers } = checkInclusion(proof)
  return { author, packed: packWholeProof(proof), finals, signers }
}

async function proveSince(
  ledger: ValidLedger,
  file: string,
  since: string,
  options: LedgerProveOptions,
): Promise<void> {
  const earlier = await checkProofFile(since).catch((error) => {
    if (!isFileError(error)) throw error
    throw new CliError('E_FILE', `--since ${since}: ${errorMessage(error)}`, { path: since }, error)
  })
  if (earlier.kind !== 'inclusion')
    throw new CliError('E_USAGE', `--since ${since}: must be an inclusion proof, as written by --round`)
  const older = earlier.inclusion.head
  const { author, height } = older.body
  if (!earlier.run.id.equals(ledger.run.id) || author !== ledger.author)
    throw new CliError('E_USAGE', `--since ${since}: belongs to another ledger than ${ledger.path}`)
  const finals = await newestFinal(ledger.run, author, options.finals ?? file)
  const proof = proveConsistency(ledger.run, await entriesUpTo(ledger, finals), older, finals)
  // An invalid proof is not written: the ledger was rewritten.
  const { signers } = checkConsistency(proof)
  const out = options.out ?? `${nodeName(file)}-since-entry-${height}-consistency.car`
  await writeProof(
    out,
    packWholeProof(proof),
    ledger,
    `the first ${counted(height + 1, 'entry', 'entries')} of ${author}`,
    finals,
    signers,
  )
}

async function writeProof(
  out: string,
  packed: readonly Uint8Array[],
  ledger: ValidLedger,
  what: string,
  { head }: FinalHead,
  signers: readonly string[],
): Promise<void> {
  if (!(await writeNewFile(out, packed)))
    throw new CliError('E_FILE', `${out} already exists; name another file with --out`, { path: out })
  process.stdout.write(`${out}\n`)
  process.stderr.write(
    `${what}, covered by its final head after round ${head.body.round + 1}, ` +
      `signed by ${signers.length} of ${counted(ledger.run.manifest.members.length, 'member')}\n` +
      `anyone can check it: ./tempered ledger check ${relative('.', out) || basename(out)} --run ${ledger.run.id}\n`,
  )
}

/** The newest final head of a member in the state folders below a path, or in a finals file. */
async function newestFinal(run: Run, author: string, path: string): Promise<FinalHead> {
  const files =
    basename(path) === FINALS_FILE
      ? [path]
      : (await ledgerFiles(path)).map((ledger) => join(dirname(ledger), FINALS_FILE))
  let newest: FinalHead | undefined
  for (const file of files) {
    for (const final of await readFinals(file, run)) {
      const { body } = final.head
      if (body.author === author && body.height >= (newest?.head.body.height ?? 0)) newest = final
    }
  }
  if (newest === undefined) {
    throw new CliError(
      'E_UNPROVEN',
      `${files.join(', ')}: no final head of ${author} found; ` +
        'use --finals to name the state folder of a node that stayed longer in the run',
    )
  }
  return newest
}

function checkBelow(entry: SignedEntry, { head }: FinalHead, round: number): void {
  const { height, author } = entry.body
  if (height <= head.body.height) return
  throw new CliError(
    'E_UNPROVEN',
    `round ${round} of ${author} is not final yet: its newest final head found here is of round ` +
      `${head.body.round + 1}; prove an earlier round, or use --finals to name the state folder ` +
      'of another node',
  )
}

/** The ledger's entries up to the head. Throws E_ROLLED_BACK when the ledger does not contain the head. */
async function entriesUpTo(ledger: ValidLedger, { head }: FinalHead): Promise<SignedEntry[]> {
  const entries: SignedEntry[] = []
  for await (const entry of ledgerEntries(ledger.path)) {
    if (entry.body.height <= head.body.height) entries.push(entry)
  }
  const last = entries.at(-1)
  if (last?.body.height !== head.body.height || last.cid.toString() !== head.body.entry.toString()) {
    throw new CliError(
      'E_LEDGER_INVALID',
      `${ledger.path} is not the ledger whose entry ${head.body.height + 1} is final (${head.body.entry})`,
    )
  }
  return entries
}
