import { counted } from '@tempered/errors'
import { checkRound, placeOf, type ValidLedger, verdictsOf } from '@tempered/lab/documents'
import { ranges } from '@tempered/lab/text'
import {
  auditLedger,
  type BlobLookup,
  createAnnouncementIndex,
  differenceText,
  type LedgerAudit,
  openBlobFolders,
  verifyLedgerFile,
  type WrongRound,
  withInitialModel,
} from '@tempered/node'
import type { Run } from '@tempered/protocol'
import pc from 'picocolors'
import { CliError } from '../errors.js'
import { type Names, peerText } from '../terminal/peer-names.js'
import { warn } from '../terminal/warning.js'
import { findOffenders, offenderJson, offenderText } from './ledger-evidence.js'
import { blobFolders, ledgerFiles, nodeName } from './ledger-paths.js'
import { createProofWriter } from './proof-writer.js'

export interface LedgerReplayOptions {
  readonly blobs?: readonly string[]
  /** 1-based. */
  readonly round?: number
  /** Folder for proof files. */
  readonly proofs?: string
  readonly allowMissing?: boolean
  readonly json?: boolean
}

/** Ledgers of one run, and the findings of their replay. */
interface RunAudit {
  readonly run: Run
  readonly blobs: BlobLookup
  readonly ledgers: ValidLedger[]
  readonly announcements: ReturnType<typeof createAnnouncementIndex>
  readonly wrong: WrongRound[]
}

/**
 * `tempered ledger replay`: a line per ledger, then a line per member against whom there is proof. Throws
 * E_LEDGER_INVALID or E_REPLAY_DIFFERS (exit 6) when a ledger is bad, a round differs or a misdeed is proven;
 * E_UNPROVEN (exit 7) when everything that could be checked agrees but some rounds could not be checked.
 */
export async function ledgerReplay(paths: readonly string[], options: LedgerReplayOptions): Promise<void> {
  const files = [...new Set((await Promise.all(paths.map(ledgerFiles))).flat())]
  const folders = await blobFolders(files, options.blobs)
  const mismatches = new Set<string>()
  const lookup = await openBlobFolders(folders, (path) => {
    if (!mismatches.has(path)) warn(new Error(`${path} does not match its name and is skipped`))
    mismatches.add(path)
  })
  const print = (json: unknown, text: string): void => {
    process.stdout.write(`${options.json ? JSON.stringify(json) : text}\n`)
  }
  const runs = new Map<string, RunAudit>()
  const count = { bad: 0, wrong: 0, unproven: 0, replayed: 0 }
  const ledgers: ValidLedger[] = []
  for await (const verdict of verdictsOf(files, warn)) {
    if (!verdict.ok) {
      count.bad += 1
      const text = `${pc.red('bad')}  ${verdict.path}: ${placeOf(verdict.entry)}: ${verdict.code}: ${verdict.message}`
      print({ type: 'ledger', ...verdict }, text)
    }
    const valid = verdict.ok ? verdict : await withoutFinals(verdict)
    if (valid === undefined) continue
    if (options.round !== undefined) checkRound(valid.run, options.round)
    ledgers.push(valid)
  }
  const names = new Map(ledgers.map(({ author, path }) => [author ?? '', nodeName(path)]))
  for (const ledger of ledgers) {
    const audit = auditOf(runs, ledger.run, lookup)
    audit.ledgers.push(ledger)
    const round = options.round === undefined ? undefined : options.round - 1
    const found = await auditLedger({ ...audit, path: ledger.path, round })
    count.wrong += found.wrong.length
    count.unproven += found.unproven.length
    count.replayed += found.agrees + found.wrong.length
    audit.wrong.push(...found.wrong)
    print(ledgerJson(ledger, found, names), ledgerText(ledger, found, names))
  }
  const proven = await proveOffences(runs, names, options, print)
  conclude(count, proven, files.length, options)
}

/** Prints the members against whom there is proof, and writes the proofs if requested; returns their number. */
async function proveOffences(
  runs: ReadonlyMap<string, RunAudit>,
  names: ReadonlyMap<string, string>,
  options: LedgerReplayOptions,
  print: (json: unknown, text: string) => void,
): Promise<number> {
  const proofs =
    options.proofs === undefined ? undefined : createProofWriter(options.proofs, names, runs.size > 1)
  let proven = 0
  for (const audit of runs.values()) {
    const offenders = await findOffenders({ ...audit, onBad: warn })
    for (const offender of offenders) print(offenderJson(offender, names), offenderText(offender, names))
    const convicted = offenders.filter(({ judgement }) => judgement.status === 'proven')
    proven += convicted.length
    if (proofs === undefined) continue
    for (const offence of [
      ...audit.wrong.map((wrong) => ({ kind: 'wrong-round', wrong }) as const),
      ...convicted,
    ]) {
      const path = await proofs.write(audit.run, offence, audit.blobs)
      print({ type: 'proof', path }, `proof  ${path}`)
    }
  }
  return proven
}

/**
 * A ledger that was rolled back or rewritten is still a chain of signed entries, which may contain evidence against
 * others.
 */
async function withoutFinals({
  path,
  code,
}: {
  path: string
  code: string
}): Promise<ValidLedger | undefined> {
  if (code !== 'E_ROLLED_BACK') return undefined
  const verdict = await verifyLedgerFile(path)
  return verdict.ok ? verdict : undefined
}

function auditOf(runs: Map<string, RunAudit>, run: Run, lookup: BlobLookup): RunAudit {
  const known = runs.get(run.id.toString())
  if (known !== undefined) return known
  const blobs = withInitialModel(lookup, run)
  const made = { run, blobs, ledgers: [], announcements: createAnnouncementIndex(), wrong: [] }
  runs.set(run.id.toString(), made)
  return made
}

function conclude(
  count: {
    readonly bad: number
    readonly wrong: number
    readonly unproven: number
    readonly replayed: number
  },
  proven: number,
  ledgers: number,
  options: LedgerReplayOptions,
): void {
  if (count.bad > 0)
    throw new CliError('E_LEDGER_INVALID', `${count.bad} of ${counted(ledgers, 'ledger')} not valid`)
  if (count.wrong > 0 || proven > 0) {
    throw new CliError(
      'E_REPLAY_DIFFERS',
      `${count.wrong} of ${counted(count.replayed, 'replayed round')} differ from what was signed; other misdeeds proven: ${proven}`,
    )
  }
  if (count.unproven > 0 && options.allowMissing !== true) {
    throw new CliError(
      'E_UNPROVEN',
      `${counted(count.unproven, 'round')} could not be replayed because blobs are missing; name more state folders, or blob folders with ` +
        '--blobs, let nodes keep more (keepRounds), or accept it with --allow-missing',
    )
  }
}

function ledgerText(ledger: ValidLedger, found: LedgerAudit, names: Names): string {
  const missing = new Set(found.unproven.flatMap((round) => round.missing)).size
  const [word, colour] =
    found.wrong.length > 0
      ? ['bad', pc.red]
      : found.unproven.length > 0
        ? ['part', pc.yellow]
        : ['ok', pc.green]
  const parts = [counted(found.agrees, 'round agrees', 'rounds agree')]
  if (found.wrong.length > 0) parts.push(counted(found.wrong.length, 'differs', 'differ'))
  if (found.unproven.length > 0)
    parts.push(
      `${found.unproven.length} cannot be checked (round ${ranges(found.unproven.map(({ round }) => round + 1))}; ${counted(missing, 'blob is', 'blobs are')} missing)`,
    )
  const rows = found.wrong.map(({ round, difference }) => {
    const about = difference.peer === undefined ? '' : ` of ${peerText(difference.peer, names)}`
    return `     round ${round + 1}: ${differenceText(difference).replace(':', `${about}:`)}`
  })
  const who = ledger.author === undefined ? nodeName(ledger.path) : peerText(ledger.author, names)
  return [`${colour((word as string).padEnd(5))}${who}: ${parts.join(', ')}`, ...rows].join('\n')
}

function ledgerJson(ledger: ValidLedger, found: LedgerAudit, names: Names): unknown {
  return {
    type: 'ledger',
    ok: found.wrong.length === 0,
    complete: found.unproven.length === 0,
    path: ledger.path,
    run: ledger.run.id.toString(),
    author: ledger.author ?? null,
    name: nodeName(ledger.path),
    agrees: found.agrees,
    unproven: found.unproven,
    differences: found.wrong.map(({ round, difference, entry }) => ({
      entry: entry.body.height,
      round,
      ...difference,
      ...(difference.peer === undefined ? {} : { peerName: names.get(difference.peer) ?? null }),
    })),
  }
}
