import type { ScenarioInput } from '../scenario/schema.js'
import type { CellOutcome } from './cell-run.js'

/** Messages between the launcher of a matrix and its processes, over Node's IPC channel. */

export interface CellRequest {
  readonly id: string
  readonly scenario: ScenarioInput
}

export interface CellFailure {
  readonly code: string
  readonly message: string
}

export type CellReply =
  /** `seconds`: wall-clock seconds that the cell took. */
  | ({ readonly id: string; readonly seconds: number } & CellOutcome)
  | { readonly id: string; readonly error: CellFailure }
