import { dirname, join } from 'node:path'
import {
  createCompactRange,
  type Entry,
  entryLeaf,
  equalBytes,
  type FinalHead,
  type Run,
  type SignedEntry,
} from '@tempered/protocol'
import { FINALS_FILE, readFinals } from '../witness/final-store.js'
import { LEDGER_FILE } from './ledger.js'
import { announcementsAuthor, readLedgerEpoch } from './read-entries.js'
import { type LedgerVerdict, type NeighboursOf, verifyLedgerFile } from './verify.js'

/** Final heads found next to ledgers, of every run and author. */
export interface KnownFinals {
  /** Final heads of a member, each height once, the lowest first. Two that contradict each other are both kept. */
  of(run: Run, author: string): readonly FinalHead[]
}

/**
 * Reads `finals.cbor` next to each of the ledger files; signatures and quorums are checked. A ledger with an
 * unreadable manifest is skipped: checking that ledger reports why. Problems with a finals file are reported to
 * `onBad`.
 */
export async function collectFinals(
  ledgerFiles: readonly string[],
  onBad: (error: unknown) => void,
): Promise<KnownFinals> {
  const known = new Map<string, FinalHead[]>()
  for (const folder of new Set(ledgerFiles.map((path) => dirname(path)))) {
    const run = await readLedgerEpoch(join(folder, LEDGER_FILE)).catch(() => undefined)
    if (run === undefined) continue
    try {
      for (const final of await readFinals(join(folder, FINALS_FILE), run)) {
        const key = `${run.id}/${final.head.body.author}`
        const heads = known.get(key) ?? []
        const same = ({ head }: FinalHead): boolean => equalBytes(head.bytes, final.head.bytes)
        if (!heads.some(same)) known.set(key, [...heads, final])
      }
    } catch (error) {
      onBad(error)
    }
  }
  for (const heads of known.values()) heads.sort((a, b) => a.head.body.height - b.head.body.height)
  return { of: (run, author) => known.get(`${run.id}/${author}`) ?? [] }
}

/** A verdict with the height up to which the ledger is final. */
export type FinalVerdict = LedgerVerdict & {
  /** Height of the newest final head of the ledger's author; undefined when none is known. */
  readonly finalHeight?: number
  /** Its round, from 0. */
  readonly finalRound?: number
}

/**
 * Runs `verifyLedgerFile`, then compares the ledger with the final heads of its author. A ledger that is shorter than
 * a final head, or has a different entry or tree at its height, was rolled back or rewritten: E_ROLLED_BACK.
 */
export async function verifyAgainstFinals(
  path: string,
  finals: KnownFinals,
  neighboursOf?: NeighboursOf,
): Promise<FinalVerdict> {
  let heads: readonly FinalHead[] | undefined
  let rewritten: { readonly entry: number; readonly message: string } | undefined
  const tree = createCompactRange()
  const visit = (entry: SignedEntry, run: Run): void => {
    heads ??= finals.of(run, entry.body.author)
    if (heads.length > 0) tree.append(entryLeaf(entry.cid))
    rewritten ??= differsAt(entry, heads, () => tree.root())
  }
  const verdict = await verifyLedgerFile(path, visit, neighboursOf)
  if (!verdict.ok) return verdict
  const author = verdict.author ?? (await announcementsAuthor(path))
  heads ??= author === undefined ? [] : finals.of(verdict.run, author)
  const newest = heads.at(-1)
  if (newest === undefined) return verdict
  const finalHeight = newest.head.body.height
  const bad = { ok: false, path, code: 'E_ROLLED_BACK', finalHeight } as const
  if (rewritten !== undefined) return { ...bad, ...rewritten }
  if (verdict.entries <= finalHeight) {
    const ends = verdict.entries === 0 ? 'has no entry' : `ends with entry ${verdict.entries}`
    return {
      ...bad,
      entry: verdict.entries,
      message: `the ledger ${ends}, but its author's head at entry ${finalHeight + 1} (round ${newest.head.body.round + 1}) is final (${signatures(newest)}); restore a copy that has it`,
    }
  }
  return { ...verdict, finalHeight, finalRound: newest.head.body.round }
}

function differsAt(
  entry: SignedEntry,
  heads: readonly FinalHead[],
  root: () => Uint8Array,
): { entry: number; message: string } | undefined {
  const { height }: Entry = entry.body
  for (const final of heads) {
    const { body } = final.head
    if (body.height !== height) continue
    const what = entry.cid.equals(body.entry)
      ? equalBytes(root(), body.root)
        ? undefined
        : 'its entries do not form the tree that was signed'
      : `it is ${entry.cid}, but ${body.entry} is final`
    if (what === undefined) continue
    return {
      entry: height,
      message: `the ledger differs at entry ${height + 1} (round ${body.round + 1}) from its author's final head there (${signatures(final)}): ${what}`,
    }
  }
  return undefined
}

/** `readFinals` has counted distinct signers; a co-signature of the author itself does not count. */
function signatures({ cosignatures }: FinalHead): string {
  return `co-signed by ${cosignatures.length} other members`
}
