import { scenarioJsonSchema } from '@tempered/lab/scenario'

/** `tempered scenario schema`: the JSON Schema of scenario files on stdout. */
export function printScenarioSchema(): void {
  process.stdout.write(scenarioJsonSchema())
}
