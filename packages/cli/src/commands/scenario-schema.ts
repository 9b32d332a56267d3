import { scenarioJsonSchema } from '../scenario/json-schema.js'

/** `tempered scenario schema`: the JSON Schema of scenario files on stdout. */
export function printScenarioSchema(): void {
  process.stdout.write(scenarioJsonSchema())
}
