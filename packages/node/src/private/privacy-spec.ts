import type { Manifest } from '@tempered/protocol'

type Privacy = NonNullable<Manifest['privacy']>

/** What a run says about its private rounds; what is left out has the defaults of `privacySpec`. */
export interface PrivacyInit {
  readonly mode?: Privacy['mode'] | undefined
  readonly threshold?: number | undefined
  readonly group?: number | undefined
  readonly range?: number | undefined
  readonly rule?: { readonly name: string; readonly params?: Readonly<Record<string, number>> } | undefined
}

/** Members of a group where nothing else is said: with a threshold of two, 10 correct two liars and bear one more that is gone. */
const DEFAULT_GROUP = 10
/**
 * How far from its beginning a model may be where nothing else is said. The built-in models stay within it (docs/privacy.md);
 * twice the range is half as fine.
 */
const DEFAULT_RANGE = 16

/** Groups of 10, or of all members where there are fewer; as many may lie as are corrected when all are there; Multi-Krum where a rule is needed. */
export function privacySpec(
  { mode = 'shares', threshold, group, range = DEFAULT_RANGE, rule: given }: PrivacyInit,
  members: number,
): Privacy {
  // Where no distances are opened there is nothing to weigh by; a rule that is asked for all the same is refused by `checkPrivacy`.
  const rule = given ?? (mode === 'shares' ? { name: 'multi-krum' } : undefined)
  const size = group ?? Math.min(DEFAULT_GROUP, members)
  return {
    mode,
    // With n ≥ 4·t + 1 members t wrong values of a distance are corrected.
    threshold: threshold ?? Math.max(1, Math.floor((size - 1) / 4)),
    group: size,
    range,
    ...(rule === undefined ? {} : { rule: { name: rule.name, params: { ...rule.params } } }),
  }
}
