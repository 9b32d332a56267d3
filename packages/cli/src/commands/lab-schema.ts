import { consensusJsonSchema } from '@tempered/lab/averaging'
import { labJsonSchema } from '@tempered/lab/matrix'

export interface LabSchemaOptions {
  readonly consensus?: boolean
}

/** `tempered lab schema`: the JSON Schema of lab files, or of consensus files, on stdout. */
export function printLabSchema(options: LabSchemaOptions): void {
  process.stdout.write(options.consensus ? consensusJsonSchema() : labJsonSchema())
}
