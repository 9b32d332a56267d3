import { firstMetric } from '@tempered/train'
import type { Problem } from '../documents/problem.js'
import { weighsAll } from '../measures/filter-quality.js'
import { AssertionSyntaxError, parseAssertion, type Term } from './assertions.js'
import type { Scenario } from './schema.js'

/** Assertions that cannot be parsed, that name something that does not exist, or whose measure no run takes. */
export function checkAssertions(scenario: Scenario): Problem[] {
  return scenario.assertions.flatMap((text, k): Problem[] => {
    const message = problemOf(text, scenario)
    return message === undefined ? [] : [{ path: ['assertions', k], message }]
  })
}

function problemOf(text: string, scenario: Scenario): string | undefined {
  try {
    const assertion = parseAssertion(text)
    const { nodes, controls } = scenario
    if (assertion.kind === 'quarantined' && assertion.node >= nodes)
      return `there is no node ${assertion.node} (0 … ${nodes - 1})`
    if (assertion.kind !== 'measure') return undefined
    const terms = [assertion.term, ...(assertion.minus === undefined ? [] : [assertion.minus])]
    const off = terms.find(({ run }) => run !== 'attacked' && !controls[run])
    if (off !== undefined) return `needs the ${off.run} control, which is switched off`
    return terms.map((term) => immeasurable(term, scenario)).find((why) => why !== undefined)
  } catch (error) {
    if (!(error instanceof AssertionSyntaxError)) throw error
    return error.message
  }
}

/** Measures of accuracy, and what measures the same of another metric. */
const ACCURACIES: ReadonlyMap<string, string> = new Map([
  ['worstHonestAccuracy', 'worstHonestMetric'],
  ['meanHonestAccuracy', 'meanHonestMetric'],
  ['bestHonestAccuracy', 'bestHonestMetric'],
  ['accuracySpread', 'metricSpread'],
  ['mter', 'worstHonestMetric'],
])

/** Why no run of that kind measures it; undefined when it does. */
function immeasurable(
  { run, measure }: Term,
  { adversaries, rules, task, privacy }: Scenario,
): string | undefined {
  const metric = typeof task === 'object' ? firstMetric(task) : 'accuracy'
  if (metric !== 'accuracy' && ACCURACIES.has(measure))
    return `the task's first metric is ${metric}, not accuracy; use ${ACCURACIES.get(measure)}`
  if (measure === 'asr') {
    const planted = adversaries.some(({ attack, poison }) => [attack.name, poison?.name].includes('backdoor'))
    if (!planted) return 'asr is measured only under a backdoor attack, and the scenario has none'
    if (run === 'honest' || run === 'baseline')
      return `asr is not measured in the ${run} run: it has no attackers`
  }
  if (measure !== 'precision' && measure !== 'recall') return undefined
  if (privacy?.mode === 'masks' && run !== 'undefended' && run !== 'baseline')
    return `${measure} is not measured with privacy.mode masks, which rejects no model; use hostileWeight`
  const weighing =
    run === 'undefended' || run === 'baseline'
      ? { name: 'average' }
      : rules.find((rule) => weighsAll(rule, privacy))
  return weighing === undefined
    ? undefined
    : `${measure} is not measured under ${weighing.name}, which weighs all models and rejects none; use hostileWeight`
}
