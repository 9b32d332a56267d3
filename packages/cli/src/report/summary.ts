import pc from 'picocolors'
import type { RunScore } from '../metrics/score.js'
import { bytes, percent, seconds, table } from './format.js'

/** Scores side by side, one column a run, as lines of text. */
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
    row('honest nodes that finished', (score) => `${score.finishedHonest} of ${score.honestNodes}`),
    row('filter precision', (score) => percent(score.precision)),
    row('filter recall', (score) => percent(score.recall)),
    row('honest models refused', (score) => percent(score.honestRefused)),
    row('bytes a node and round', (score) => bytes(score.bytesPerNodeRound)),
    row('seconds a round', (score) => seconds(score.secondsPerRound)),
    row('ledgers that verify', (score) => `${score.ledgers.valid} of ${score.ledgers.checked}`),
  ]
  const lines = table(rows, new Set(scores.map((_, k) => k + 1)))
  return lines.map((line, k) => (k === 0 ? pc.bold(line) : line))
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
