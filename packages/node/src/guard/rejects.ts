/** What has been refused or dropped since the start, by what it was and by code. Both are from fixed sets. */
export interface Rejects {
  /** @param kind a topic, a protocol, or `connection` */
  count(kind: string, code: string): void
  list(): readonly Reject[]
}

export interface Reject {
  readonly kind: string
  readonly code: string
  readonly count: number
}

export function createRejects(): Rejects {
  const counts = new Map<string, Map<string, number>>()
  return {
    count(kind, code) {
      const codes = counts.get(kind) ?? new Map<string, number>()
      counts.set(kind, codes.set(code, (codes.get(code) ?? 0) + 1))
    },
    list: () =>
      [...counts].flatMap(([kind, codes]) => [...codes].map(([code, count]) => ({ kind, code, count }))),
  }
}
