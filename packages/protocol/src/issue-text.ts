import { nearestName, quoted, shortText, withShortQuotes } from '@tempered/errors'
import type { z } from 'zod'

const KINDS: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'a mapping (key: value)',
  record: 'a mapping (key: value)',
}

/** The most unknown keys that one message names. */
const MOST_KEYS = 10

/** Describes a mistake for people, in place of zod's own text; `value` is the value at its path. */
export function issueText(issue: z.core.$ZodIssue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      if (value === undefined) return 'is missing'
      return `must be ${KINDS[issue.expected] ?? issue.expected}, not ${shown(value)}`
    case 'invalid_value':
      return notOneOf(issue.values.map(String), value)
    case 'invalid_union': {
      const options = (issue as { options?: readonly unknown[] }).options
      if (options !== undefined) return notOneOf(options.map(String), value)
      if (value === undefined) return 'is missing'
      return `must have another form than ${shown(value)}`
    }
    case 'unrecognized_keys':
      return `unknown ${issue.keys.length === 1 ? 'key' : 'keys'} ${issue.keys.slice(0, MOST_KEYS).map(shortText).join(', ')}${issue.keys.length > MOST_KEYS ? ', …' : ''}`
    case 'too_small':
      return bound(issue.origin, 'least', Number(issue.minimum), issue.inclusive !== false, value)
    case 'too_big':
      return bound(issue.origin, 'most', Number(issue.maximum), issue.inclusive !== false, value)
  }
  return withShortQuotes(issue.message)
}

function notOneOf(options: readonly string[], value: unknown): string {
  if (value === undefined) return `is missing; must be ${alternatives(options)}`
  // An object may have a `toString` that is no function.
  const nearest = typeof value === 'object' ? undefined : nearestName(String(value), options)
  const hint = nearest === undefined || options.length < 2 ? '' : `; did you mean ${nearest}?`
  return `must be ${alternatives(options)}, not ${shown(value)}${hint}`
}

function alternatives(options: readonly string[]): string {
  return options.length < 2 ? options.join() : `${options.slice(0, -1).join(', ')} or ${options.at(-1)}`
}

function bound(
  origin: string,
  side: 'least' | 'most',
  limit: number,
  inclusive: boolean,
  value: unknown,
): string {
  if (origin === 'array' || origin === 'string') {
    const things = origin === 'array' ? 'entries' : 'characters'
    const count = (value as { length?: number } | undefined)?.length ?? 0
    if (limit === 1 && side === 'least') return 'must not be empty'
    return `must have at ${side} ${limit} ${things}, not ${count}`
  }
  if (inclusive) return `must be at ${side} ${limit}, not ${shown(value)}`
  return `must be ${side === 'least' ? 'above' : 'below'} ${limit}, not ${shown(value)}`
}

function shown(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  return typeof value === 'string' ? quoted(value) : shortText(String(value))
}

/**
 * The issues with those of the most likely branch in place of each failed union: the branch whose kind of value fits and
 * whose mistake lies deepest. A union none of whose branches fits keeps its own issue.
 */
export function likelyIssues(issues: readonly z.core.$ZodIssue[], value: unknown): z.core.$ZodIssue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue]
    const own = valueAt(value, issue.path)
    const branches = issue.errors
      .map((branch) => likelyIssues(branch, own))
      .filter((branch) => branch.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'))
    const depth = (branch: readonly z.core.$ZodIssue[]): number =>
      Math.max(...branch.map(({ path, code }) => path.length + (code === 'unrecognized_keys' ? 0.5 : 0)))
    const best = branches.reduce<z.core.$ZodIssue[] | undefined>(
      (found, branch) => (found === undefined || depth(branch) > depth(found) ? branch : found),
      undefined,
    )
    // Of a value that should have been one of several names, the names are what helps.
    const names = issue.errors.find(
      ([first, ...more]) => first?.code === 'invalid_value' && more.length === 0,
    )
    const chosen = best ?? (typeof own === 'string' ? names : undefined)
    return chosen === undefined
      ? [issue]
      : chosen.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }) as z.core.$ZodIssue)
  })
}

/** The value at a path, undefined where it does not lead anywhere. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | null | undefined)?.[key],
    value,
  )
}
