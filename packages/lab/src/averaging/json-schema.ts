import { jsonSchemaText } from '../documents/json-schema-text.js'
import { consensusSchema } from './averaging-schema.js'

/**
 * The JSON Schema of consensus files as text, for completion and checks in editors. It is made from the schema that
 * reads them.
 */
export function consensusJsonSchema(): string {
  return jsonSchemaText(consensusSchema, {
    title: 'Tempered consensus',
    description: 'An averaging task under attack: rules, attacks and topologies, without data or training.',
  })
}
