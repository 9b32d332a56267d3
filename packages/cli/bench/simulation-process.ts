/** One simulation, `simulation-process.ts <nodes> <rounds>`; prints its figures as JSON. */

import { availableParallelism } from 'node:os'
import { startRecordedRun } from '@tempered/lab/run'
import { planRun, scenarioSchema } from '@tempered/lab/scenario'
import { startSimulation } from '@tempered/lab/simulate'
import { cacheFolder, loadData } from '@tempered/train'

export interface SimulationFigures {
  /** From planning to the last ledger. */
  readonly seconds: number
  /** Largest resident set of the process, 10⁶ bytes; libraries and data included. */
  readonly peakMegabytes: number
  /** In [0, 1], after the last round. */
  readonly meanAccuracy: number
}

const [nodes, rounds] = process.argv.slice(2).map(Number) as [number, number]
const scenario = scenarioSchema.parse({
  name: 'bench',
  nodes,
  topology: { name: 'k-regular', params: { k: 10 } },
  data: { split: { kind: 'iid' } },
  model: 'softmax',
  training: { rounds, localSteps: 5, learningRate: 0.05 },
  rule: { name: 'balance', params: { gamma: 1, kappa: 0.1 } },
  adversaries: [{ fraction: 0.2, attack: { name: 'sign-flip-model' } }],
  evaluation: { every: rounds, samples: 500 },
  keepRounds: 2,
})
const begun = performance.now()
const cache = cacheFolder()
const plan = planRun(scenario, await loadData({ source: 'mnist' }, cache))
const run = await startRecordedRun({
  plan,
  folder: '',
  cacheFolder: cache,
  workers: availableParallelism(),
  logLevel: 'silent',
  stage: startSimulation,
  writeFiles: false,
  onEvent: () => undefined,
})
const score = await run.finish()
if (score.failed.length > 0 || score.ledgers.valid < nodes)
  throw new Error(`the simulation of ${nodes} nodes failed: ${JSON.stringify(score.failed.slice(0, 3))}`)
const figures: SimulationFigures = {
  seconds: (performance.now() - begun) / 1000,
  peakMegabytes: (process.resourceUsage().maxRSS * 1024) / 1e6,
  meanAccuracy: score.mean ?? Number.NaN,
}
console.log(JSON.stringify(figures))
