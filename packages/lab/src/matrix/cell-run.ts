import { createTrainerService, type TrainerService } from '@tempered/train'
import type { Measures } from '../measures/catalogue.js'
import { measuresOf } from '../measures/catalogue.js'
import { loadUsedModules } from '../plugins/load-module.js'
import { requireNoFailures, requireValidLedgers, startRecordedRun } from '../run/recorded-run.js'
import { planRun } from '../scenario/plan.js'
import { createSourceLoader } from '../scenario/scenario-task.js'
import { type ScenarioInput, scenarioSchema } from '../scenario/schema.js'
import { simulationStage } from '../simulate/simulation.js'

export interface CellOutcome {
  readonly measures: Measures
  /** Round (from 0) after which the run was scored. */
  readonly scoredRound: number | null
}

/** Runs cells one after another. They share the data and the training thread. */
export interface CellRunner {
  /** Throws for mistakes in the scenario, E_NODES_FAILED or E_LEDGER_INVALID. */
  run(scenario: ScenarioInput): Promise<CellOutcome>
  close(): Promise<void>
}

export function createCellRunner(cacheFolder: string): CellRunner {
  const services = new Map<string, Promise<TrainerService>>()
  const load = createSourceLoader(cacheFolder)
  return {
    async run(input) {
      await loadUsedModules(input.modules ?? [])
      const scenario = scenarioSchema.parse(input)
      const { backend } = scenario
      const service = await (services.get(backend) ?? createTrainerService({ backend }))
      services.set(backend, Promise.resolve(service))
      const plan = planRun(scenario, await load(scenario))
      const run = await startRecordedRun({
        plan,
        folder: '',
        cacheFolder,
        workers: 1,
        logLevel: 'silent',
        stage: simulationStage([service]),
        writeFiles: false,
        onEvent: () => undefined,
      })
      const score = await run.finish()
      requireNoFailures(score, run.stoppedEarly !== undefined)
      requireValidLedgers(score, plan)
      return { measures: measuresOf(score), scoredRound: score.scoredRound }
    },
    async close() {
      for (const service of services.values()) await (await service).close()
    },
  }
}
