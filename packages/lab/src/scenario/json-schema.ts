import { jsonSchemaText } from '../documents/json-schema-text.js'
import { scenarioSchema } from './schema.js'

/**
 * The JSON Schema of scenario files as text, for completion and checks in editors. It is made from the schema that
 * reads them.
 */
export function scenarioJsonSchema(): string {
  return jsonSchemaText(scenarioSchema, {
    title: 'Tempered scenario',
    description: 'A run of Tempered with its data, attackers, faults and assertions.',
  })
}
