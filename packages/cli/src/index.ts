export { CliError } from './errors.js'
export { type Scenario, scenarioSchema } from './scenario/schema.js'
