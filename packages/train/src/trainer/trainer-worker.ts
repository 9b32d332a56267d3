/** Entry of the training thread: it runs the trainers of all nodes of this process, on one backend. */

import { parentPort, workerData } from 'node:worker_threads'
import { chooseEngine } from '../engine/choose-engine.js'
import { createTrainerFactory, type LocalTrainer, type TrainerFactory } from './engine-trainer.js'
import { TrainError, toErrorData } from './train-error.js'
import type { StopSignal } from './trainer.js'
import type { WorkerReply, WorkerRequest, WorkerResults, WorkerStart } from './worker-messages.js'

interface OpenTrainer {
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

type HandleRequest = (request: WorkerRequest) => Promise<WorkerResults[keyof WorkerResults]>

/** Keeps the open trainers by id and answers the requests of the network thread. */
function createRequestHandler(factory: TrainerFactory, stop: StopSignal): HandleRequest {
  const open = new Map<number, OpenTrainer>()

  const find = (id: number): OpenTrainer => {
    const found = open.get(id)
    if (found === undefined)
      throw new TrainError('E_TRAINER_DISPOSED', `no trainer ${id} in the training thread`)
    return found
  }

  return async (request) => {
    switch (request.kind) {
      case 'open': {
        const trainer = factory.open(request.spec)
        trainer.getParameters(request.parameters)
        open.set(request.trainer, { trainer, parameters: request.parameters })
        return null
      }
      case 'train': {
        const { trainer, parameters } = find(request.trainer)
        trainer.setParameters(parameters)
        const result = await trainer.train(request.request, stop)
        trainer.getParameters(parameters)
        return result
      }
      case 'evaluate': {
        const { trainer, parameters } = find(request.trainer)
        trainer.setParameters(parameters)
        return trainer.evaluate(request.request, stop)
      }
      case 'dispose': {
        open.get(request.trainer)?.trainer.dispose()
        open.delete(request.trainer)
        return null
      }
    }
  }
}

async function run(): Promise<void> {
  const port = parentPort
  if (port === null)
    throw new TrainError('E_TRAIN_INTERNAL', 'trainer-worker.js is started as a worker thread only')
  const post = (reply: WorkerReply): void => port.postMessage(reply)
  let handle: HandleRequest
  try {
    const { backend, stop } = workerData as WorkerStart
    const { engine, info } = await chooseEngine(backend)
    handle = createRequestHandler(createTrainerFactory(engine), stopSignal(stop))
    post({ kind: 'ready', backend: info })
  } catch (error) {
    post({ kind: 'failed', error: toErrorData(error) })
    port.close()
    return
  }
  let last: Promise<void> = Promise.resolve()
  port.on('message', (message: WorkerRequest) => {
    last = last
      .then(() => handle(message))
      .then(
        (value) => post({ kind: 'result', id: message.id, value }),
        (error: unknown) => post({ kind: 'error', id: message.id, error: toErrorData(error) }),
      )
  })
}

await run()
