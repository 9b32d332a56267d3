import { jsonSchemaText } from '../documents/json-schema-text.js'
import { scenarioSchema } from './schema.js'

/** What editors complete and check scenario files with, as text: the same schema that reads them. */
export function scenarioJsonSchema(): string {
  return jsonSchemaText(scenarioSchema, {
    title: 'Tempered scenario',
    description: 'A run of Tempered with its data, attackers, faults and assertions.',
  })
}
