import { type Block, isClosing } from '@tempered/chain'
import { counted } from '@tempered/errors'
import { loadModule } from '@tempered/lab/plugins'
import {
  checkBlockEntry,
  createReplay,
  differenceText,
  ledgerEntries,
  openBlobFolders,
  type Replay,
  withInitialModel,
} from '@tempered/node'
import { ProtocolError, type Run, type SignedEntry } from '@tempered/protocol'
import pc from 'picocolors'
import { CliError } from '../errors.js'
import { warn } from '../terminal/warning.js'
import { chainFiles, openChainFile } from './chain-paths.js'
import { blobFolders, ledgerFiles } from './ledger-paths.js'

export interface ChainReplayOptions {
  readonly blobs?: readonly string[]
  readonly module?: readonly string[]
  readonly json?: boolean
}

interface Finding {
  readonly status: 'agrees' | 'differs' | 'unproven'
  readonly what?: string
}

interface Found {
  readonly entry: SignedEntry
  readonly parent: SignedEntry | undefined
}

/**
 * `tempered chain replay`: every block of the longest chain that the folders hold, its aggregate computed again. Throws
 * E_REPLAY_DIFFERS (exit 6), and E_UNPROVEN (exit 7) when all that could be checked agrees but something could not.
 */
export async function chainReplay(
  paths: readonly string[],
  { blobs, module, json }: ChainReplayOptions,
): Promise<void> {
  for (const file of module ?? []) await loadModule(file, 'architecture')
  const files = [...new Set((await Promise.all(paths.map(chainFiles))).flat())]
  const contents = await Promise.all(files.map(openChainFile))
  const longest = contents.reduce((best, one) => (one.chain.length > best.chain.length ? one : best))
  const { run, chain } = longest
  const ledgers = [...new Set((await Promise.all(paths.map(ledgersOf))).flat())]
  const entries = await entriesOf(ledgers, run)
  const folders = await openBlobFolders(await blobFolders(ledgers, blobs), (path) =>
    warn(new Error(`${path} does not match its name and is skipped`)),
  )
  // Blocks are about aggregates; `ledger replay` checks scores of contributions.
  const replay = createReplay(run, withInitialModel(folders, run), { contributions: false })
  const count = { agrees: 0, differs: 0, unproven: 0 }
  for (const block of chain) {
    if (isClosing(block.body, run)) continue
    const finding = await findingOf(block, run, entries, replay)
    count[finding.status] += 1
    process.stdout.write(`${json ? jsonOf(block, finding) : textOf(block, finding)}\n`)
  }
  conclude(count)
}

/** A chain file alone has no ledgers. */
async function ledgersOf(path: string): Promise<string[]> {
  return path.endsWith('.car') ? [] : ledgerFiles(path)
}

/** Entries by CID, each with the one below it. */
async function entriesOf(ledgers: readonly string[], run: Run): Promise<Map<string, Found>> {
  const found = new Map<string, Found>()
  for (const ledger of ledgers) {
    let parent: SignedEntry | undefined
    try {
      for await (const entry of ledgerEntries(ledger)) {
        if (!entry.body.run.equals(run.id)) break
        found.set(entry.cid.toString(), { entry, parent })
        parent = entry
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      throw new CliError(
        'E_LEDGER_INVALID',
        `${ledger}: ${error.code}: ${error.message}; check it with: tempered ledger verify`,
        { path: ledger },
        error,
      )
    }
  }
  return found
}

async function findingOf(
  block: Block,
  run: Run,
  entries: ReadonlyMap<string, Found>,
  replay: Replay,
): Promise<Finding> {
  const member = run.memberIndex.get(block.body.author)
  const named = block.body.heads.find((head) => head.member === member)?.entry.toString()
  const found = named === undefined ? undefined : entries.get(named)
  if (named !== undefined && found === undefined)
    return {
      status: 'unproven',
      what: `the ledger of its author, with entry ${named}, is not in these folders`,
    }
  const wrong =
    found === undefined ? 'it names no entry of its author' : checkBlockEntry(block, found.entry, run)
  if (found === undefined || wrong !== undefined) return { status: 'differs', what: wrong ?? '' }
  const finding = await replay.check(found.entry, found.parent)
  if (finding.status === 'agrees') return { status: 'agrees' }
  return finding.status === 'differs'
    ? { status: 'differs', what: differenceText(finding.difference) }
    : {
        status: 'unproven',
        what: `${counted(finding.missing.length, 'model')} missing, such as ${finding.missing[0]}`,
      }
}

function textOf({ body }: Block, { status, what }: Finding): string {
  const mark = status === 'agrees' ? pc.green('ok ') : status === 'differs' ? pc.red('bad') : pc.yellow('?  ')
  return `${mark}  block ${body.height}, round ${body.round + 1}, by ${body.author.slice(-8)}: ${status === 'agrees' ? 'the same aggregate' : what}`
}

function jsonOf({ cid, body }: Block, finding: Finding): string {
  return JSON.stringify({ block: cid.toString(), height: body.height, round: body.round, ...finding })
}

function conclude({ agrees, differs, unproven }: Record<Finding['status'], number>): void {
  const all = agrees + differs + unproven
  process.stdout.write(`${counted(agrees, 'block')} of ${all} computed again with the same aggregate\n`)
  if (differs > 0) throw new CliError('E_REPLAY_DIFFERS', `${counted(differs, 'block')} of ${all} differ`)
  if (unproven > 0)
    throw new CliError(
      'E_UNPROVEN',
      `${counted(unproven, 'block')} of ${all} could not be checked: nodes keep the models of keepRounds rounds; name more folders with --blobs`,
    )
}
