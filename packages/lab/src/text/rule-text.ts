import { shortName } from './short-name.js'

/** The rule with its pre-aggregators, short enough for a table: `nnm + trimmed-mean`, `distinct + … + median`; with private rounds `average, private multi-krum`. */
export function ruleText({ name, pre = [] }: NamedRule, privacy?: { readonly rule: NamedRule }): string {
  const before = pre.map((step) => shortName(step.name))
  const rule = [...(before.length > 2 ? [before[0], '…'] : before), shortName(name)].join(' + ')
  return privacy === undefined ? rule : `${rule}, private ${shortName(privacy.rule.name)}`
}

/** A rule by name, and the names of what runs before it. */
export interface NamedRule {
  readonly name: string
  readonly pre?: readonly { readonly name: string }[] | undefined
}
