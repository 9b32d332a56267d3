/** The part of a zod schema that is needed to find the keys of its objects. */
interface Definition {
  readonly type: string
  readonly shape?: Readonly<Record<string, unknown>>
  readonly element?: unknown
  readonly options?: readonly unknown[]
  readonly values?: readonly unknown[]
  readonly innerType?: unknown
  readonly in?: unknown
  readonly out?: unknown
  /** Of a schema that is made when it is needed, as one that holds itself. */
  readonly getter?: () => unknown
  /** Of an enum: its values. */
  readonly entries?: Readonly<Record<string, unknown>>
}

/**
 * Keys that a schema knows at a path; empty where they cannot be determined. For a union these are the keys of the
 * alternatives whose literals (`kind: …`) match `value`, or of all alternatives when none matches.
 */
export function knownKeys(schema: unknown, path: readonly PropertyKey[], value: unknown): string[] {
  const shapes = definitionsAt(schema, path).flatMap(({ shape }) => (shape === undefined ? [] : [shape]))
  const fitting = shapes.filter((shape) => fits(shape, value))
  return [...new Set((fitting.length > 0 ? fitting : shapes).flatMap(Object.keys))]
}

/** The definitions at a path; of alternatives on the way, those that fit the values of `root`, if any does. */
function definitionsAt(schema: unknown, path: readonly PropertyKey[], root?: unknown): Definition[] {
  let current = alternatives(schema)
  let value = root
  for (const part of path) {
    const fitting = current.filter(({ shape }) => shape !== undefined && fits(shape, value))
    current = (fitting.length > 0 ? fitting : current).flatMap(({ type, element, shape }) => {
      if (type === 'array') return alternatives(element)
      return type === 'object' ? alternatives(shape?.[String(part)]) : []
    })
    value = (value as Record<PropertyKey, unknown> | null | undefined)?.[part]
  }
  return current
}

const PLACEHOLDERS: Readonly<Record<string, string>> = {
  number: '<number>',
  string: '<text>',
  boolean: 'true',
  array: '[…]',
  object: '{ … }',
}

/** The mappings that a schema takes at a path besides names, as users write them: `{ impute: <number> }`. */
export function mappingForms(schema: unknown, path: readonly PropertyKey[], root: unknown): string[] {
  return definitionsAt(schema, path, root).flatMap(({ shape }) => {
    const fields = Object.entries(shape ?? {}).filter(([, field]) => !isOptional(field))
    const text = fields.map(([key, field]) => {
      const { type, values } = alternatives(field)[0] ?? { type: '' }
      return `${key}: ${type === 'literal' ? String(values?.[0]) : (PLACEHOLDERS[type] ?? '…')}`
    })
    return text.length === 0 ? [] : [`{ ${text.join(', ')} }`]
  })
}

function isOptional(field: unknown): boolean {
  return ['optional', 'default', 'prefault'].includes(definitionOf(field)?.type ?? '')
}

/** The definition of a schema, or those of its alternatives. */
function alternatives(schema: unknown): Definition[] {
  const definition = unwrap(schema)
  if (definition === undefined) return []
  return definition.type === 'union' ? (definition.options ?? []).flatMap(alternatives) : [definition]
}

function fits(shape: Readonly<Record<string, unknown>>, value: unknown): boolean {
  return Object.entries(shape).every(([key, field]) => {
    const found = (value as Record<string, unknown> | null | undefined)?.[key]
    // An enum without a default tells alternatives apart as a literal does.
    const names = definitionOf(field)?.type === 'enum' ? definitionOf(field)?.entries : undefined
    if (names !== undefined) return Object.values(names).includes(found)
    const definition = unwrap(field)
    return definition?.type !== 'literal' || definition.values?.includes(found)
  })
}

/** The definition below defaults, optionals and transformations. */
function unwrap(schema: unknown): Definition | undefined {
  let current = schema
  for (;;) {
    const definition = definitionOf(current)
    // Preprocessing returns what the output schema describes.
    const isPrepared = definitionOf(definition?.in)?.type === 'transform'
    const next =
      definition?.getter?.() ?? definition?.innerType ?? (isPrepared ? definition?.out : definition?.in)
    if (next === undefined) return definition
    current = next
  }
}

function definitionOf(schema: unknown): Definition | undefined {
  return (schema as { _zod?: { def: Definition } } | undefined)?._zod?.def
}
