import { z } from 'zod'
import { scenarioSchema } from './schema.js'

/** What editors complete and check scenario files with, as text: the same schema that reads them. */
export function scenarioJsonSchema(): string {
  const schema = z.toJSONSchema(scenarioSchema, { io: 'input' })
  const described = {
    ...schema,
    title: 'Tempered scenario',
    description: 'A run of Tempered with its data, attackers, faults and assertions.',
  }
  return `${JSON.stringify(described, null, 2)}\n`
}
