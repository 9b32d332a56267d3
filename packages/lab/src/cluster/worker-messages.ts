import type { EvaluationPlan } from '@tempered/node'
import type { BackendChoice, PartitionScheme, SourceSpec } from '@tempered/train'
import type { NodeEvent } from '../events/run-event.js'
import type { Conditions } from '../faults/conditions.js'
import type { UsedModule } from '../plugins/load-module.js'
import type { PlannedAttack, PlannedTrainer } from '../scenario/plan.js'

/** Messages between a cluster's launcher and its worker processes, over Node's IPC channel. */

/** A node for a worker to run. */
export interface WorkerNode {
  readonly index: number
  readonly name: string
  /** 32-byte Ed25519 seed. */
  readonly seed: Uint8Array
  readonly stateFolder: string
  readonly attack: PlannedAttack | undefined
  readonly trainer: PlannedTrainer | undefined
}

export interface WorkerLaunch {
  /** Canonical manifest bytes. */
  readonly manifest: Uint8Array
  /** Parameters with which the run begins; undefined when they are drawn from its seed. */
  readonly initialParameters: Float32Array | undefined
  readonly nodes: readonly WorkerNode[]
  /** Modules that the run uses. */
  readonly modules: readonly UsedModule[]
  /** Indices of all honest nodes of the cluster, for attacks that see them. */
  readonly honest: readonly number[]
  readonly source: SourceSpec
  readonly partition: PartitionScheme
  /** State of links and trainers after earlier faults. */
  readonly conditions: Conditions
  /** Whether there are attackers that see the models of others. */
  readonly hasSideChannel: boolean
  /** Indices of nodes that will join later. */
  readonly absent: readonly number[]
  readonly cacheFolder: string
  readonly evaluation: EvaluationPlan
  readonly backend: BackendChoice
  readonly keepRounds: number
  readonly logFile: string
  readonly logLevel: string
}

export type ToWorker =
  | { readonly type: 'launch'; readonly launch: WorkerLaunch }
  | { readonly type: 'addresses'; readonly peer: string; readonly addresses: readonly string[] }
  /** An honest node's model of a round is on disk: the side channel of colluding attackers. */
  | { readonly type: 'honest-model'; readonly index: number; readonly round: number; readonly path: string }
  /** The same in a private run, where no disk has it. */
  | {
      readonly type: 'honest-secret'
      readonly index: number
      readonly round: number
      readonly model: Uint8Array
    }
  | { readonly type: 'honest-gone'; readonly index: number }
  | { readonly type: 'conditions'; readonly conditions: Conditions }
  /** Stops one node cleanly and for good. It then counts as done. */
  | { readonly type: 'leave'; readonly index: number }
  | { readonly type: 'stop' }

/** What a worker reports of its nodes. */
export type FromWorker =
  | NodeEvent
  | {
      readonly type: 'listening'
      readonly index: number
      readonly peer: string
      readonly addresses: readonly string[]
    }
  | { readonly type: 'published'; readonly index: number; readonly round: number; readonly modelCid: string }
  /** In a private run with attackers: an honest node's model of a round, for the side channel of colluding attackers. */
  | { readonly type: 'secret'; readonly index: number; readonly round: number; readonly model: Uint8Array }

/** A process that trains for a node was started or has ended. */
export interface TrainerProcess {
  readonly type: 'trainer-process'
  readonly pid: number
  readonly isRunning: boolean
}
