import pc from 'picocolors'
import type { Finding, Level } from '../doctor/finding.js'

const MARKS: Readonly<Record<Level, string>> = {
  ok: pc.green('ok      '),
  note: pc.dim('note    '),
  warning: pc.yellow('warning '),
  problem: pc.red('problem '),
}

/** Findings for people, one per line, with the remedy below. */
export function doctorText(findings: readonly Finding[]): string {
  return findings
    .flatMap(({ check, level, text, remedy }) => [
      `${MARKS[level]} ${check.padEnd(13)} ${text}`,
      ...(remedy === null ? [] : [`${' '.repeat(23)}→ ${remedy}`]),
    ])
    .join('\n')
}
