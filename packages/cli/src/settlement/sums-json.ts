/** JSON in which sums of wei are decimal texts: numbers would lose digits. Fields without a value are null. */
export function sumsJson(value: object): string {
  return JSON.stringify(value, (_key, inner) =>
    typeof inner === 'bigint' ? inner.toString() : (inner ?? null),
  )
}
