import { jsonSchemaText } from '../documents/json-schema-text.js'
import { consensusSchema } from './averaging-schema.js'

/** What editors complete and check consensus files with, as text: the same schema that reads them. */
export function consensusJsonSchema(): string {
  return jsonSchemaText(consensusSchema, {
    title: 'Tempered consensus',
    description: 'An averaging task under attack: rules, attacks and topologies, without data or training.',
  })
}
