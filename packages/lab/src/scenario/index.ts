export { partitionScheme, wholeSplit } from './data-split.js'
export { demoScenarios } from './demo.js'
export { scenarioJsonSchema } from './json-schema.js'
export { dealtSamples, loadScenario, loadScenarioData } from './load-scenario.js'
export { placeAdversaries } from './placement.js'
export { type PlannedNode, planRun, type RunPlan } from './plan.js'
export { checkScenario } from './scenario-checks.js'
export {
  createSourceLoader,
  loadScenarioSource,
  type ScenarioSource,
  scenarioTask,
  usesData,
} from './scenario-task.js'
export { defaultTopology, type Scenario, type ScenarioInput, scenarioSchema } from './schema.js'
export { scenarioTemplate, TEMPLATE_NAMES, type TemplateName } from './templates.js'
export { type PlannedTrainer, placeTrainers } from './trainers.js'
export { variantRuleName, variantsOf } from './variants.js'
