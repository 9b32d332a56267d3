/** What `tempered new` can write. */
export const NEW_KINDS = [
  'rule',
  'pre-aggregator',
  'attack',
  'topology',
  'measure',
  'scenario',
  'lab',
] as const
export type NewKind = (typeof NEW_KINDS)[number]
