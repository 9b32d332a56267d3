import { errorCode } from '@tempered/errors'
import { nodeFailed } from '../events/node-failure.js'
import type { FromWorker } from './worker-messages.js'

export interface NodeWorkInit {
  readonly index: number
  readonly name: string
  /** Aborted when the worker is told to stop. */
  readonly stopping: AbortSignal
  readonly logger: { error(about: object, message: string): void }
  send(message: FromWorker): void
}

/**
 * Reports how a node ends: done, or failed, also while its worker is stopping. A node whose trainer was still starting
 * when the worker was told to stop is neither. Never rejects.
 */
export async function reportEnd(work: Promise<void>, init: NodeWorkInit): Promise<void> {
  const { index, name, stopping, logger, send } = init
  try {
    await work
    send({ type: 'done', index })
  } catch (error) {
    if (stopping.aborted && errorCode(error) === 'E_TRAIN_ABORTED') return
    logger.error({ err: error, node: name }, 'node failed')
    send(nodeFailed(index, error))
  }
}
