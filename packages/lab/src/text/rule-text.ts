import { shortName } from './short-name.js'

/** The rule with its pre-aggregators, short enough for a table: `nnm + trimmed-mean`, `distinct + … + median`. */
export function ruleText({ name, pre = [] }: NamedRule): string {
  const before = pre.map((step) => shortName(step.name))
  return [...(before.length > 2 ? [before[0], '…'] : before), shortName(name)].join(' + ')
}

/** A rule by name, and the names of what runs before it. */
export interface NamedRule {
  readonly name: string
  readonly pre?: readonly { readonly name: string }[] | undefined
}
