import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Logger, logFormatters, openNodeTrainer, silentLogger } from '@tempered/node'
import type { ProcessTrainer } from '@tempered/train'
import { pino } from 'pino'
import type { PlannedNode, RunPlan } from '../scenario/plan.js'
import { LOG_FOLDER, type StageInit } from '../stage/stage.js'

/** The processes that train for nodes of a simulation. */
export interface SimulatedTrainers {
  /** The trainer of a node that has one; a node that starts again gets a new process, as in a cluster. */
  open(node: PlannedNode): Promise<ProcessTrainer | undefined>
  /** Ends all of them, also those that are starting or at work. */
  close(): Promise<void>
}

export function createSimulatedTrainers(
  { run, nodes }: RunPlan,
  { folder, logLevel, onEvent }: Pick<StageInit, 'folder' | 'logLevel' | 'onEvent'>,
): SimulatedTrainers {
  const used = nodes.some(({ trainer }) => trainer !== undefined)
  const log = used && folder !== '' ? fileLogger(folder, logLevel) : silentLogger
  const trainers = new Map<number, ProcessTrainer>()
  const closing = new AbortController()
  return {
    async open({ index, name, trainer: planned }) {
      if (planned === undefined) return undefined
      await trainers.get(index)?.close()
      const logger = log.child({ node: name })
      const onTrouble = (message: string): void => onEvent({ type: 'trainer', index, message })
      const { signal } = closing
      const trainer = await openNodeTrainer({ ...planned, run, index, logger, signal, onTrouble })
      trainers.set(index, trainer)
      if (closing.signal.aborted) await trainer.close()
      return trainer
    },
    async close() {
      closing.abort()
      await Promise.all([...trainers.values()].map((trainer) => trainer.close()))
    },
  }
}

function fileLogger(folder: string, level: string): Logger {
  mkdirSync(join(folder, LOG_FOLDER), { recursive: true })
  const dest = join(folder, LOG_FOLDER, 'trainers.log')
  return pino({ level, base: {}, formatters: logFormatters }, pino.destination({ dest, sync: false }))
}
