import type { Block } from '@tempered/chain'
import { allocateModel, decodeModel, type ModelBuffer, type Run } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { type Clock, sleep } from '../clock.js'
import { errorCode, errorMessage, NodeError } from '../errors.js'
import type { Logger } from '../logger.js'
import type { LocalTraining } from '../round/local-training.js'
import type { ModelSource } from './model-source.js'

export interface AgreedModelsInit {
  readonly run: Run
  readonly models: Pick<ModelSource, 'bytes' | 'keep'>
  readonly training: Pick<LocalTraining, 'score'>
  readonly clock: Clock
  readonly logger: Logger
}

export interface AgreedModels {
  /** The first metric of a model on the test samples; null when it cannot be had. */
  score(model: CID): Promise<number | null>
  /**
   * The aggregate of a block, from whoever has it; it is kept, since this node's own entry will name it. `newest` is asked
   * again each time that nobody has it. Rejects with E_STOPPED.
   */
  aggregateOf(newest: () => Block): Promise<ModelBuffer>
}

const RETRY_MS = 1_000

export function createAgreedModels(init: AgreedModelsInit, signal: AbortSignal): AgreedModels {
  const { run, models, training, clock, logger } = init
  const { members, model: shape } = run.manifest
  const stopIfAborted = (): void => {
    if (signal.aborted) throw new NodeError('E_STOPPED', 'the node was stopped')
  }

  return {
    async score(model) {
      try {
        const bytes = await models.bytes(model.toString(), members, signal)
        if (bytes === undefined || training.score === undefined) return null
        return await training.score(Float32Array.from(decodeModel(bytes, shape.parameterCount)))
      } catch (error) {
        if (!signal.aborted)
          logger.warn({ code: errorCode(error) }, `a model could not be scored: ${errorMessage(error)}`)
        return null
      }
    },
    async aggregateOf(newest) {
      for (;;) {
        const block = newest()
        const { author, aggregate } = block.body
        const bytes = await models.bytes(aggregate.toString(), [author, ...members], signal)
        stopIfAborted()
        if (bytes !== undefined) {
          const model = allocateModel(shape.parameterCount)
          model.bytes.set(bytes)
          await models.keep(model.bytes)
          return model
        }
        logger.warn({ block: block.cid.toString() }, 'nobody has the aggregate of this block; trying again')
        await sleep(clock, RETRY_MS, signal)
        stopIfAborted()
      }
    },
  }
}
