import { benefitLines, costLines, type RunScore, type Tradeoff } from '@tempered/lab/measures'
import { bytes, percent, seconds } from '@tempered/lab/text'
import pc from 'picocolors'
import { table } from './table.js'

/** Scores side by side, one column per run, as lines of text. */
export function renderScores(
  scores: readonly { readonly title: string; readonly score: RunScore }[],
): string[] {
  const row = (label: string, cell: (score: RunScore) => string): string[] => [
    label,
    ...scores.map(({ score }) => cell(score)),
  ]
  const node = (value: RunScore['worst']): string =>
    value === null ? '–' : `${percent(value.accuracy)} (${value.node})`
  const rows = [
    ['', ...scores.map(({ title }) => title)],
    row('worst honest node', (score) => node(score.worst)),
    row('mean of honest nodes', (score) => percent(score.mean)),
    row('best honest node', (score) => node(score.best)),
    row('spread of honest nodes (SD)', (score) => percent(score.spread)),
    ...(scores.some(({ score }) => score.asr !== null)
      ? [row('attack success rate', (score) => percent(score.asr))]
      : []),
    row('honest nodes that finished', (score) => `${score.finishedHonest} of ${score.honestNodes}`),
    row('filter precision', (score) => percent(score.precision)),
    row('filter recall', (score) => percent(score.recall)),
    row('honest models refused', (score) => percent(score.honestRefused)),
    row('weight of attackers', (score) => percent(score.hostileWeight)),
    row('bytes per node and round', (score) => bytes(score.bytesPerNodeRound)),
    row('seconds per round', (score) => seconds(score.secondsPerRound)),
    row('ledgers that verify', (score) => `${score.ledgers.valid} of ${score.ledgers.checked}`),
  ]
  const lines = table(rows, new Set(scores.map((_, k) => k + 1)))
  return lines.map((line, k) => (k === 0 ? pc.bold(line) : line))
}

/**
 * What each defence bought beside what it cost, with intervals over seeds in brackets, as lines of text; one below the
 * other where the terminal is too narrow. A defence is never shown without its price.
 */
export function renderBalances(balances: readonly Tradeoff[], width: number, isSimulated: boolean): string[] {
  return balances.flatMap((balance) => {
    const benefits = benefitLines(balance)
    const costs = costLines(balance, isSimulated)
    const bought = [[`benefit of ${balance.rule}`, ''], ...benefits.map(({ label, text }) => [label, text])]
    const paid = [['cost', ''], ...costs.map(({ label, text }) => [label, text])]
    const beside = table(
      Array.from({ length: Math.max(bought.length, paid.length) }, (_, k) => [
        ...(bought[k] ?? ['', '']),
        ...(paid[k] ?? ['', '']),
      ]),
      new Set([1, 3]),
    )
    if (beside.every((line) => line.length <= width)) return ['', ...boldFirst(beside)]
    return [bought, paid].flatMap((side) => ['', ...boldFirst(table(side, new Set([1])))])
  })
}

function boldFirst([first = '', ...lines]: readonly string[]): string[] {
  return [pc.bold(first), ...lines]
}

/** Ledgers that do not verify and nodes that failed, one line each. */
export function renderTroubles(score: RunScore): string[] {
  return [
    ...score.ledgers.bad.map((bad) =>
      pc.red(`ledger of ${bad.node}: entry ${bad.entry}: ${bad.code}: ${bad.message}`),
    ),
    ...score.failed.map((failure) => pc.red(`${failure.node} failed: ${failure.code}: ${failure.message}`)),
  ]
}
