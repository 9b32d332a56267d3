import { shortName } from './short-name.js'

/** The rule with its pre-aggregators, short enough for a table: `nnm + trimmed-mean`, `distinct + … + median`; with private rounds `average, private multi-krum`, or `average, private masks`. */
export function ruleText({ name, pre = [] }: NamedRule, privacy?: PrivateRounds): string {
  const before = pre.map((step) => shortName(step.name))
  const rule = [...(before.length > 2 ? [before[0], '…'] : before), shortName(name)].join(' + ')
  return privacy === undefined
    ? rule
    : `${rule}, private ${privacy.rule === undefined ? 'masks' : shortName(privacy.rule.name)}`
}

/** What weighs the models of private rounds; nothing does in the mode `masks`. */
export interface PrivateRounds {
  readonly rule?: NamedRule | undefined
}

/** A rule by name, and the names of what runs before it. */
export interface NamedRule {
  readonly name: string
  readonly pre?: readonly { readonly name: string }[] | undefined
}
