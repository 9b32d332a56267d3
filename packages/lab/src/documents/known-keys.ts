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
}

/**
 * Keys that a schema knows at a path; empty where they cannot be determined. For a union these are the keys of the
 * alternatives whose literals (`kind: …`) match `value`, or of all alternatives when none matches.
 */
export function knownKeys(schema: unknown, path: readonly PropertyKey[], value: unknown): string[] {
  let current = alternatives(schema)
  for (const part of path) {
    current = current.flatMap(({ type, element, shape }) => {
      if (type === 'array') return alternatives(element)
      return type === 'object' ? alternatives(shape?.[String(part)]) : []
    })
  }
  const shapes = current.flatMap(({ shape }) => (shape === undefined ? [] : [shape]))
  const fitting = shapes.filter((shape) => fits(shape, value))
  return [...new Set((fitting.length > 0 ? fitting : shapes).flatMap(Object.keys))]
}

/** The definition of a schema, or those of its alternatives. */
function alternatives(schema: unknown): Definition[] {
  const definition = unwrap(schema)
  if (definition === undefined) return []
  return definition.type === 'union' ? (definition.options ?? []).flatMap(alternatives) : [definition]
}

function fits(shape: Readonly<Record<string, unknown>>, value: unknown): boolean {
  return Object.entries(shape).every(([key, field]) => {
    const definition = unwrap(field)
    return (
      definition?.type !== 'literal' || definition.values?.includes((value as Record<string, unknown>)?.[key])
    )
  })
}

/** The definition below defaults, optionals and transformations. */
function unwrap(schema: unknown): Definition | undefined {
  let current = schema
  for (;;) {
    const definition = definitionOf(current)
    // Preprocessing returns what the output schema describes.
    const isPrepared = definitionOf(definition?.in)?.type === 'transform'
    const next = definition?.innerType ?? (isPrepared ? definition?.out : definition?.in)
    if (next === undefined) return definition
    current = next
  }
}

function definitionOf(schema: unknown): Definition | undefined {
  return (schema as { _zod?: { def: Definition } } | undefined)?._zod?.def
}
