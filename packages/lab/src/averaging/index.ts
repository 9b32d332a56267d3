export { casesOf } from './averaging-run.js'
export { type Consensus, consensusSchema } from './averaging-schema.js'
export { consensusJsonSchema } from './json-schema.js'
