import { mutateBytes, spliced } from './mutate-bytes.js'
import type { Mutator } from './mutator.js'
import type { Random } from './random.js'

const encoder = new TextEncoder()

const NUMBERS = [
  '0',
  '-0',
  '-1',
  '1e308',
  '1e999',
  '1e-999',
  '9007199254740993',
  '0x10',
  '0.1',
  'NaN',
  'Infinity',
  '+1',
  '1_000',
  '00',
  '१',
]

/** Pieces that mean something in JSON, YAML and tables. */
const TOKENS = [
  '"',
  "'",
  ',',
  ';',
  '\t',
  '\n',
  '\r\n',
  '\r',
  '\0',
  '{',
  '}',
  '[',
  ']',
  ':',
  ': ',
  '- ',
  '? ',
  '&a ',
  '*a',
  '<<: ',
  '!!js/function ',
  '!!binary ',
  '| ',
  '> ',
  '%',
  '---\n',
  '...\n',
  '#',
  '\\',
  '\\u0000',
  '\\ud800',
  '""',
  '\ufeff',
  '\u2028',
  '__proto__',
  'constructor',
  'null',
  '~',
  'true',
]

/** A token put in, a number replaced, a line lost, repeated or moved, a piece nested or repeated. */
export const mutateText: Mutator = (input, random, other) => {
  if (random.chance(0.25)) return mutateBytes(input, random, other)
  const text = Buffer.from(input).toString('utf8')
  return encoder.encode(changedText(text, random, () => Buffer.from(other()).toString('utf8')))
}

function changedText(text: string, random: Random, other: () => string): string {
  const at = random.below(text.length + 1)
  switch (random.below(8)) {
    case 0:
    case 1:
      return text.slice(0, at) + random.pick(TOKENS) + text.slice(at)
    case 2: {
      const numbers = [...text.matchAll(/-?\d+(\.\d+)?/g)]
      if (numbers.length === 0) return text
      const found = random.pick(numbers)
      return text.slice(0, found.index) + random.pick(NUMBERS) + text.slice(found.index + found[0].length)
    }
    case 3: {
      const lines = text.split('\n')
      const k = random.below(lines.length)
      if (random.chance(0.4)) lines.splice(k, 1)
      else if (random.chance(0.5)) lines.splice(k, 0, lines[k]!)
      else lines.splice(random.below(lines.length), 0, ...lines.splice(k, 1))
      return lines.join('\n')
    }
    case 4: {
      const depth = random.pick([3, 50, 1000, 5000])
      return (
        text.slice(0, at) + random.pick(['[', '{"a":', '{', '- ', '(', '"']).repeat(depth) + text.slice(at)
      )
    }
    case 5: {
      const piece = text.slice(at, at + random.between(1, 30))
      return text.slice(0, at) + piece.repeat(random.pick([1, 2, 50])) + text.slice(at)
    }
    case 6: {
      const words = [...text.matchAll(/\w+/g)]
      if (words.length === 0) return text
      const found = random.pick(words)
      const next = random.chance(0.5) ? random.pick(words)[0] : random.pick(TOKENS)
      return text.slice(0, found.index) + next + text.slice(found.index + found[0].length)
    }
    default: {
      const b = other()
      return text.slice(0, at) + b.slice(random.below(b.length + 1))
    }
  }
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** Changes of a JSON text by its values: other types, lost, unknown and misspelt keys, extreme numbers, nesting. */
export const mutateJson: Mutator = (input, random, other) => {
  if (random.chance(0.3)) return mutateText(input, random, other)
  let value: Json
  try {
    value = JSON.parse(Buffer.from(input).toString('utf8')) as Json
  } catch {
    return mutateText(input, random, other)
  }
  const times = random.chance(0.7) ? 1 : 3
  for (let k = 0; k < times; k++) value = changedJson(value, random)
  return encoder.encode(JSON.stringify(value))
}

function strangeJson(random: Random): Json {
  const deep = (depth: number): Json => {
    let value: Json = []
    for (let k = 0; k < depth; k++) value = random.chance(0.5) ? [value] : { a: value }
    return value
  }
  return random.pick<() => Json>([
    () => null,
    () => random.chance(0.5),
    () => random.pick([0, -1, 0.5, 1e308, 2 ** 31, 2 ** 32, 2 ** 53, -1e-300]),
    () =>
      random.pick(['', 'x', '__proto__', '0', '\0', '../x', 'x'.repeat(1000), 'x'.repeat(9000), '\ud800']),
    () => [],
    () => ({}),
    () => Array.from({ length: 300 }, () => 0),
    () => deep(random.pick([3, 100, 500])),
  ])()
}

/** A change at one place, found by walking down. */
function changedJson(value: Json, random: Random): Json {
  if (value === null || typeof value !== 'object' || random.chance(0.08)) return strangeJson(random)
  if (Array.isArray(value)) {
    if (value.length === 0) return [strangeJson(random)]
    const at = random.below(value.length)
    const choice = random.below(10)
    if (choice === 0) return value.filter((_, k) => k !== at)
    if (choice === 1) return [...value.slice(0, at), value[at]!, ...value.slice(at)]
    return value.map((one, k) => (k === at ? changedJson(one, random) : one))
  }
  const entries = Object.entries(value)
  const at = random.below(entries.length)
  const choice = random.below(12)
  if (choice === 0 || entries.length === 0)
    entries.push([random.pick(['x', '__proto__', 'constructor', 'toString', '']), strangeJson(random)])
  else if (choice === 1) entries.splice(at, 1)
  else if (choice === 2) entries[at] = [`${entries[at]![0]}x`, entries[at]![1]]
  else if (choice === 3) entries[at] = [entries[at]![0], random.pick(entries)[1]]
  else entries[at] = [entries[at]![0], changedJson(entries[at]![1], random)]
  // `__proto__` as an own key, as JSON.parse makes it.
  const next: Record<string, Json> = {}
  for (const [key, one] of entries)
    Object.defineProperty(next, key, { value: one, enumerable: true, writable: true, configurable: true })
  return next
}

/** A length of 8 bytes or another head in front of a JSON text: the text is changed, and the length made to fit or not. */
export function mutateHeadedJson(
  headOf: (input: Uint8Array) => { start: number; end: number },
  setLength: (input: Buffer, length: number) => void,
): Mutator {
  return (input, random, other) => {
    const { start, end } = headOf(input)
    if (random.chance(0.4) || !(end > start && end <= input.byteLength))
      return mutateBytes(input, random, other)
    const json = mutateJson(input.subarray(start, end), random, () => input.subarray(start, end))
    const next = Buffer.from(spliced(input, start, end - start, json))
    if (random.chance(0.9)) setLength(next, json.byteLength)
    return next
  }
}
