import { z } from 'zod'

/** Metadata key of a schema whose objects may be written as a bare name: the names that editors offer. */
export const BARE_NAME = 'bareName'

/** The JSON Schema of what a file may hold, as text with a newline at its end. */
export function jsonSchemaText(schema: z.ZodType, about: { title: string; description: string }): string {
  const json = z.toJSONSchema(schema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      const { [BARE_NAME]: bare, ...object } = jsonSchema as Record<string, unknown>
      if (!Array.isArray(bare)) return
      for (const key of Object.keys(jsonSchema)) delete (jsonSchema as Record<string, unknown>)[key]
      const name = { type: 'string', minLength: 1, ...(bare.length > 0 ? { enum: bare } : {}) } as const
      jsonSchema.anyOf = [name, object, fromModule(object)]
    },
  })
  return `${JSON.stringify({ ...json, ...about }, null, 2)}\n`
}

/** The same object with a module in place of its name. */
function fromModule(object: Record<string, unknown>): Record<string, unknown> {
  const all = object.properties as Record<string, unknown>
  const naming = 'name' in all ? 'name' : 'architecture'
  const { [naming]: _, ...properties } = all
  const required = ((object.required ?? []) as string[]).map((key) => (key === naming ? 'module' : key))
  const module = { type: 'string', description: 'Path of your own ES module, relative to this file.' }
  return { ...object, properties: { module, ...properties }, required }
}
