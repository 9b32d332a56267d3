import type { BackendChoice } from '@tempered/train'
import { type Scenario, scenarioSchema } from './schema.js'

/** The two runs of `tempered demo`: the same nodes, data and attackers; only the rule differs. */
export function demoScenarios(options: { seed: number; rounds: number; backend: BackendChoice }): {
  undefended: Scenario
  defended: Scenario
} {
  const scenario = (rule: string): Scenario =>
    scenarioSchema.parse({
      name: 'demo',
      seed: options.seed,
      nodes: 10,
      topology: { name: 'k-regular', params: { k: 4 } },
      data: { source: 'mnist', split: { kind: 'label-groups', h: 0.8 } },
      model: 'mlp',
      training: { rounds: options.rounds, localSteps: 20, batchSize: 32, learningRate: 0.05, momentum: 0.9 },
      rule: { name: rule, pre: [] },
      adversaries: [{ nodes: [3, 7], attack: { name: 'sign-flip-model' } }],
      evaluation: { every: 1, samples: 500 },
      backend: options.backend,
    })
  return { undefended: scenario('average'), defended: scenario('balance') }
}
