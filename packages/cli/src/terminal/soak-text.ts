import { bytes, counted } from '@tempered/lab/text'
import type { SoakRecord } from '../soak/soak-checker.js'
import { durationText } from './duration-text.js'
import { table } from './table.js'

/** What a soak has seen, for people. */
export function soakText(record: SoakRecord, violations: readonly string[]): string {
  const nodes = record.nodes.map(({ name, isSteady, starts, entries, lastRound, ledgerError, use }) => [
    name,
    isSteady ? 'undisturbed' : 'disturbed',
    String(starts),
    String(lastRound + 1),
    String(entries),
    ledgerError === undefined ? 'verified' : 'DAMAGED',
    use === undefined ? '–' : `${bytes(use.before.memory)} → ${bytes(use.after.memory)}`,
    use === undefined ? '–' : `${use.before.descriptors} → ${use.after.descriptors}`,
  ])
  const operations = Object.entries(record.operations).map(([name, { done, failed }]) => [
    name,
    String(done),
    String(failed),
  ])
  const invalid = Object.entries(record.invalid).map(([name, { refused, accepted }]) => [
    name,
    String(refused),
    String(accepted),
  ])
  const rejects = record.rejects.map(({ kind, code, count }) => [kind, code, String(count)])
  return [
    `soak of ${durationText(record.seconds)}, ${counted(record.nodes.length, 'node')}`,
    '',
    ...table(
      [['node', 'faults', 'starts', 'newest round', 'entries', 'ledger', 'memory', 'descriptors'], ...nodes],
      new Set([2, 3, 4]),
    ),
    '',
    ...table(
      [['fault', 'times'], ...Object.entries(record.faults).map(([kind, count]) => [kind, String(count)])],
      new Set([1]),
    ),
    '',
    ...table([['operation', 'done', 'failed'], ...operations], new Set([1, 2])),
    '',
    ...table([['invalid operation', 'refused', 'accepted'], ...invalid], new Set([1, 2])),
    '',
    ...(rejects.length === 0
      ? []
      : [...table([['dropped by undisturbed nodes', 'code', 'times'], ...rejects], new Set([2])), '']),
    violations.length === 0
      ? 'passed: every ledger verifies and continues what its node had shown, nothing was signed twice, nothing is left over'
      : `failed:\n${violations.map((violation) => `  ${violation}`).join('\n')}`,
  ].join('\n')
}
