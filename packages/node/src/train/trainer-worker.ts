/** Entry of the training thread: it hosts the trainers of all nodes of this process, on one backend. */

import { parentPort, workerData } from 'node:worker_threads'
import { createBackend } from './backend.js'
import { createTrainerFactory, type LocalTrainer, type TrainerFactory } from './tfjs-trainer.js'
import { TrainError, toErrorData } from './train-error.js'
import type { StopSignal } from './trainer.js'
import type { WorkerReply, WorkerRequest, WorkerResults, WorkerStart } from './worker-messages.js'

interface Hosted {
  trainer: LocalTrainer
  /** The node's parameters, shared with the network thread. */
  parameters: Float32Array
}

function stopSignal(flag: Int32Array): StopSignal {
  return {
    get aborted() {
      return Atomics.load(flag, 0) !== 0
    },
  }
}

class TrainerHost {
  private readonly factory: TrainerFactory
  private readonly hosted = new Map<number, Hosted>()

  constructor(factory: TrainerFactory) {
    this.factory = factory
  }

  async handle(message: WorkerRequest): Promise<WorkerResults[keyof WorkerResults]> {
    switch (message.kind) {
      case 'open': {
        const trainer = this.factory.open(message.spec)
        trainer.getParameters(message.parameters)
        this.hosted.set(message.trainer, { trainer, parameters: message.parameters })
        return null
      }
      case 'train': {
        const { trainer, parameters } = this.find(message.trainer)
        trainer.setParameters(parameters)
        const result = await trainer.train(message.request, stopSignal(message.stop))
        trainer.getParameters(parameters)
        return result
      }
      case 'evaluate': {
        const { trainer, parameters } = this.find(message.trainer)
        trainer.setParameters(parameters)
        return trainer.evaluate(message.request, stopSignal(message.stop))
      }
      case 'dispose': {
        this.hosted.get(message.trainer)?.trainer.dispose()
        this.hosted.delete(message.trainer)
        return null
      }
    }
  }

  private find(id: number): Hosted {
    const found = this.hosted.get(id)
    if (found === undefined)
      throw new TrainError('E_TRAINER_DISPOSED', `no trainer ${id} in the training thread`)
    return found
  }
}

async function run(): Promise<void> {
  const port = parentPort
  if (port === null)
    throw new TrainError('E_TRAIN_INTERNAL', 'trainer-worker.js is started as a worker thread only')
  const post = (reply: WorkerReply): void => port.postMessage(reply)
  let host: TrainerHost
  try {
    const backend = await createBackend((workerData as WorkerStart).backend)
    host = new TrainerHost(createTrainerFactory(backend))
    post({ kind: 'ready', backend: { name: backend.name, notice: backend.notice } })
  } catch (error) {
    post({ kind: 'failed', error: toErrorData(error) })
    port.close()
    return
  }
  let last: Promise<void> = Promise.resolve()
  port.on('message', (message: WorkerRequest) => {
    last = last
      .then(() => host.handle(message))
      .then(
        (value) => post({ kind: 'result', id: message.id, value }),
        (error: unknown) => post({ kind: 'error', id: message.id, error: toErrorData(error) }),
      )
  })
}

await run()
