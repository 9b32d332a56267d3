/** What `tempered new` can write, and what each is. */
export const NEW_KINDS = {
  rule: 'how a node combines its own model with those of its neighbours',
  'pre-aggregator': 'what changes the models before a rule combines them',
  attack: 'what an attacker sends instead of its model',
  topology: 'who is a neighbour of whom',
  architecture: 'how the members of a run with a common chain agree on blocks',
  measure: 'a number that scores a run, for tables, reports and assertions',
  scenario: 'a run with attackers, faults and assertions; the same as `scenario init <name>.yaml`',
  lab: 'a matrix of rules, attacks and seeds, for `lab matrix`',
} as const
export type NewKind = keyof typeof NEW_KINDS

/** A line per kind. */
export function kindsText(): string {
  const lines = Object.entries(NEW_KINDS).map(([kind, what]) => `  ${kind.padEnd(16)}${what}`)
  return ['Kinds:', ...lines].join('\n')
}
