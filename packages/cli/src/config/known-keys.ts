/** As much of a zod schema as is needed to find the keys of its objects. */
interface Definition {
  readonly type: string
  readonly shape?: Readonly<Record<string, unknown>>
  readonly element?: unknown
  readonly options?: readonly unknown[]
  readonly values?: readonly unknown[]
  readonly innerType?: unknown
  readonly in?: unknown
}

/**
 * Keys that a schema knows at a path; empty where that cannot be told. Of a union, those of the alternatives whose
 * literals (`kind: …`) `value` has, or of all when none fits.
 */
export function knownKeys(schema: unknown, path: readonly PropertyKey[], value: unknown): string[] {
  let current = unwrap(schema)
  for (const part of path) {
    if (current?.type === 'array') current = unwrap(current.element)
    else if (current?.type === 'object') current = unwrap(current.shape?.[String(part)])
    else return []
  }
  if (current?.type !== 'union') return Object.keys(current?.shape ?? {})
  const shapes = (current.options ?? []).map((option) => unwrap(option)?.shape ?? {})
  const fitting = shapes.filter((shape) => fits(shape, value))
  return [...new Set((fitting.length > 0 ? fitting : shapes).flatMap(Object.keys))]
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
    const definition = (current as { _zod?: { def: Definition } } | undefined)?._zod?.def
    const next = definition?.innerType ?? definition?.in
    if (next === undefined) return definition
    current = next
  }
}
