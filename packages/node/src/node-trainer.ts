import type { Run } from '@tempered/protocol'
import {
  createProcessTrainer,
  type ProcessTrainer,
  type ProcessTrainerInit,
  type TrainerUsage,
} from '@tempered/train'
import type { Logger } from './logger.js'
import { manifestTask } from './round/manifest-training.js'

export interface NodeTrainerInit
  extends Pick<
    ProcessTrainerInit,
    'command' | 'cwd' | 'attempts' | 'deadlines' | 'signal' | 'onProcess' | 'onTrouble'
  > {
  readonly run: Run
  /** Position of the node among the members of the run. */
  readonly index: number
  /** Gets what the process prints. */
  readonly logger: Logger
}

/** Starts the process that trains for a member of a run. Throws as `createProcessTrainer`. */
export function openNodeTrainer({
  run,
  index,
  logger,
  onTrouble,
  ...init
}: NodeTrainerInit): Promise<ProcessTrainer> {
  const log = logger.child({ component: 'trainer' })
  log.info(`starting ${init.command.join(' ')}`)
  return createProcessTrainer({
    ...init,
    task: manifestTask(run.manifest),
    nodeId: index,
    seed: run.manifest.seed,
    onLog: (line) => log.info(line),
    onTrouble(what) {
      log.warn(what)
      onTrouble?.(what)
    },
    onUsage: (usage) => log.debug(usageText(usage)),
  })
}

function usageText({ what, ms, peakMemoryBytes }: TrainerUsage): string {
  const memory =
    peakMemoryBytes === undefined ? '' : `, at most ${(peakMemoryBytes / 1e6).toFixed(0)} MB of memory`
  return `${what}: ${(ms / 1000).toFixed(2)} s${memory}`
}
