import { jsonSchemaText } from '../documents/json-schema-text.js'
import { labSchema } from './lab-schema.js'

/**
 * The JSON Schema of lab files as text, for completion and checks in editors. It is made from the schema that reads
 * them.
 */
export function labJsonSchema(): string {
  return jsonSchemaText(labSchema, {
    title: 'Tempered lab',
    description: 'A matrix of simulated runs: one scenario, and the axes over which it is run.',
  })
}
