import { jsonSchemaText } from '../documents/json-schema-text.js'
import { labSchema } from './lab-schema.js'

/** What editors complete and check lab files with, as text: the same schema that reads them. */
export function labJsonSchema(): string {
  return jsonSchemaText(labSchema, {
    title: 'Tempered lab',
    description: 'A matrix of simulated runs: one scenario, and the axes over which it is run.',
  })
}
