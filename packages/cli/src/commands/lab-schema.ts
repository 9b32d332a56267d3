import { labJsonSchema } from '../lab/json-schema.js'

/** `tempered lab schema`: the JSON Schema of lab files on stdout. */
export function printLabSchema(): void {
  process.stdout.write(labJsonSchema())
}
