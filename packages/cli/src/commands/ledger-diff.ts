import { openValidLedger, type ValidLedger } from '@tempered/lab/documents'
import { ranges } from '@tempered/lab/text'
import { type Contradiction, diffLedgers, type LedgerDiff, type VerdictDifference } from '@tempered/node'
import pc from 'picocolors'
import { CliError } from '../errors.js'
import { type Names, peerText } from '../terminal/peer-names.js'
import { nodeName, oneLedgerFile } from './ledger-paths.js'

/**
 * `tempered ledger diff`: where two ledgers of one run differ. Throws E_CONTRADICTION (exit 6) when they show that a
 * member signed contradicting statements; other differences are only reported. Throws E_WRONG_RUN for two runs.
 */
export async function ledgerDiff(
  pathA: string,
  pathB: string,
  options: { readonly json?: boolean },
): Promise<void> {
  const a = await openValidLedger(await oneLedgerFile(pathA))
  const b = await openValidLedger(await oneLedgerFile(pathB))
  if (a.run.id.toString() !== b.run.id.toString())
    throw new CliError(
      'E_WRONG_RUN',
      `${a.path} belongs to run ${a.run.id}, ${b.path} to run ${b.run.id}: nothing to compare`,
    )
  const diff = await diffLedgers(a.path, b.path)
  const names = new Map(
    [a, b].flatMap(({ author, path }) => (author === undefined ? [] : [[author, nodeName(path)]])),
  )
  const lines = options.json ? jsonLines(diff) : textLines(diff, a, b, names)
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
  const contradictions = diff.contradictions.length + (diff.fork === undefined ? 0 : 1)
  if (contradictions > 0) {
    throw new CliError(
      'E_CONTRADICTION',
      `${contradictions} contradictions between signed statements; ./tempered ledger replay ${pathA} ${pathB} --proofs <folder> writes proofs of them`,
    )
  }
}

function textLines(diff: LedgerDiff, a: ValidLedger, b: ValidLedger, names: Names): string[] {
  const [nameA, nameB] = [nodeName(a.path), nodeName(b.path)]
  const lines: string[] = []
  if (diff.fork !== undefined) {
    const { height } = diff.fork
    lines.push(
      `${pc.red('contradiction')} ${peerText(a.author ?? '', names)} signed two different entries ${height + 1}: ${diff.fork.a.cid} in ${a.path}, ${diff.fork.b.cid} in ${b.path}`,
    )
  }
  for (const { offender, round, announcements } of diff.contradictions) {
    const models = announcements.map(
      ({ announcement, ledgers }) =>
        `${announcement.body.model} (according to ${ledgers.map((peer) => peerText(peer, names)).join(' and ')})`,
    )
    lines.push(
      `${pc.red('contradiction')} ${peerText(offender, names)} announced two models for round ${round + 1}: ${models.join(', ')}`,
    )
  }
  for (const [name, rounds] of [
    [nameA, diff.onlyA],
    [nameB, diff.onlyB],
  ] as const)
    if (rounds.length > 0)
      lines.push(`rounds        only ${name} has ${ranges(rounds.map((round) => round + 1))}`)
  for (const verdict of diff.verdicts) lines.push(verdictLine(verdict, nameA, nameB, names))
  if (lines.length === 0) lines.push(`the ledgers of ${nameA} and ${nameB} agree wherever they overlap`)
  return lines
}

function verdictLine(
  { round, peer, a, b }: VerdictDifference,
  nameA: string,
  nameB: string,
  names: Names,
): string {
  const judged = ({ accepted, reason }: typeof a): string =>
    accepted ? `accepted (${reason})` : `rejected (${reason})`
  return `verdict       round ${round + 1}, ${peerText(peer, names)}: ${nameA} ${judged(a)}, ${nameB} ${judged(b)}`
}

function jsonLines(diff: LedgerDiff): string[] {
  const record = ({ accepted, reason, score, threshold, weight }: VerdictDifference['a']) => ({
    accepted,
    reason,
    score,
    threshold,
    weight,
  })
  const values: unknown[] = [
    ...(diff.fork === undefined
      ? []
      : [
          {
            type: 'fork',
            height: diff.fork.height,
            a: diff.fork.a.cid.toString(),
            b: diff.fork.b.cid.toString(),
          },
        ]),
    ...diff.contradictions.map(contradictionJson),
    { type: 'rounds', onlyA: diff.onlyA, onlyB: diff.onlyB },
    ...diff.verdicts.map(({ round, peer, a, b }) => ({
      type: 'verdict',
      round,
      peer,
      a: record(a),
      b: record(b),
    })),
  ]
  return values.map((value) => JSON.stringify(value))
}

function contradictionJson({ offender, round, announcements }: Contradiction): unknown {
  return {
    type: 'contradiction',
    offender,
    round,
    stories: announcements.map(({ announcement, ledgers }) => ({
      model: announcement.body.model.toString(),
      tellers: ledgers,
    })),
  }
}
