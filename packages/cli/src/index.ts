export { type Scenario, scenarioSchema } from '@tempered/lab/scenario'
export { CliError } from './errors.js'
