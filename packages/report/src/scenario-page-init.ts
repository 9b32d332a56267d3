import type { StoredScenario } from '@tempered/lab/measures'
import type { AttackerGroup } from './attacker-count.js'
import type { ReportData } from './client/report-data.js'
import type { ScenarioSummary } from './scenario-summary.js'

/** What the page of a scenario is made from. */
export interface ScenarioPageInit {
  readonly summary: ScenarioSummary
  readonly data: ReportData
  /** The scenario, as text and parsed. */
  readonly scenario: StoredScenario
  readonly scenarioText: string
  /** Number of nodes of a run. */
  readonly nodes: number
  readonly attackers: readonly AttackerGroup[]
}
