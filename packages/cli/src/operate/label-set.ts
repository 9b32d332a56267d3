/**
 * Values of a metric's label, bounded in number and form: codes of peers and reasons of rules from modules could be
 * anything. What is too much or not a code becomes `other`.
 */
export function createLabelSet(most: number): (value: string) => string {
  const known = new Set<string>()
  return (value) => {
    if (known.has(value)) return value
    if (known.size >= most || !/^[A-Za-z][A-Za-z0-9_-]{0,47}$/.test(value)) return 'other'
    known.add(value)
    return value
  }
}
