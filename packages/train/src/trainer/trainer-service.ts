/**
 * Training outside the network thread: one worker thread runs the trainers of all nodes of this process. Data and
 * parameters are in shared memory; messages contain only numbers.
 */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type InputArray, inMemory, type Samples, type Targets, toShared } from '../data/dataset.js'
import type { BackendChoice, BackendInfo } from '../engine/choose-engine.js'
import { type OpenTask, openTask } from '../task/task.js'
import { TrainError } from './train-error.js'
import type {
  EvaluateRequest,
  Evaluation,
  Trainer,
  TrainerSpec,
  TrainRequest,
  TrainResult,
} from './trainer.js'
import { checkEvaluateRequest, checkParameterCount, checkSpec, checkTrainRequest } from './trainer-checks.js'
import type { WorkerReply, WorkerStart } from './worker-messages.js'
import { WorkerQueue } from './worker-queue.js'

export interface TrainerServiceInit {
  /** Default 'auto'. */
  backend?: BackendChoice
  /** Script of the worker; default: trainer-worker.js in this folder. Tests may use another one. */
  workerEntry?: URL
}

/**
 * A trainer in the worker thread. setParameters and getParameters throw E_TRAINER_BUSY while a pending request of
 * this trainer would race with them (for reading: only train). A request uses the parameters that are set when its
 * turn comes; a failed or stopped request does not change them.
 */
export interface RemoteTrainer extends Trainer {
  readonly task: OpenTask
  /** Rejects with E_TRAIN_REQUEST, E_TRAIN_ABORTED, E_TRAINER_DISPOSED, E_WORKER_CRASHED, E_SERVICE_CLOSED. */
  train(request: TrainRequest, signal?: AbortSignal): Promise<TrainResult>
  evaluate(request?: EvaluateRequest, signal?: AbortSignal): Promise<Evaluation>
  /** Pending requests still complete; later ones fail with E_TRAINER_DISPOSED. */
  dispose(): void
}

export interface TrainerService {
  readonly backend: BackendInfo
  /**
   * A trainer that starts from the initial parameters of the task under `spec.seed`. Inputs, targets and indices that are not in shared
   * memory are copied there, once per buffer. Rejects with TrainError for an invalid spec.
   */
  open(spec: TrainerSpec): Promise<RemoteTrainer>
  /** Ends the worker; pending requests reject with E_SERVICE_CLOSED. Idempotent. */
  close(): Promise<void>
}

/** Copies into shared memory, and remembers them, so that nodes share one copy. */
class SharedCopies {
  private readonly copies = new WeakMap<ArrayBufferView, ArrayBufferView>()

  of<T extends InputArray | Targets | Uint32Array>(array: T): T {
    const known = this.copies.get(array)
    if (known !== undefined) return known as T
    const copy = toShared(array)
    this.copies.set(array, copy)
    return copy
  }

  samples({ count, shape, inputs, targets }: Samples): Samples {
    return { count, shape, inputs: inMemory(inputs) ? this.of(inputs) : inputs, targets: this.of(targets) }
  }
}

class ServiceTrainer implements RemoteTrainer {
  readonly task: OpenTask
  readonly parameterCount: number
  private readonly queue: WorkerQueue
  private readonly id: number
  private readonly shared: Float32Array
  private training = 0
  private evaluating = 0
  private disposed = false

  constructor(queue: WorkerQueue, id: number, task: OpenTask, shared: Float32Array) {
    this.queue = queue
    this.id = id
    this.task = task
    this.parameterCount = task.parameterCount
    this.shared = shared
  }

  setParameters(flat: Float32Array): void {
    this.checkAlive()
    checkParameterCount(flat, this.parameterCount)
    if (this.training + this.evaluating > 0) this.refuseBusy('set')
    this.shared.set(flat)
  }

  getParameters(out: Float32Array): Float32Array {
    this.checkAlive()
    checkParameterCount(out, this.parameterCount)
    if (this.training > 0) this.refuseBusy('read')
    out.set(this.shared)
    return out
  }

  async train(request: TrainRequest, signal?: AbortSignal): Promise<TrainResult> {
    this.checkAlive()
    checkTrainRequest(request)
    this.training++
    try {
      return await this.queue.ask<'train'>({ kind: 'train', trainer: this.id, request }, signal)
    } finally {
      this.training--
    }
  }

  async evaluate(request: EvaluateRequest = {}, signal?: AbortSignal): Promise<Evaluation> {
    this.checkAlive()
    checkEvaluateRequest(request)
    this.evaluating++
    try {
      return await this.queue.ask<'evaluate'>({ kind: 'evaluate', trainer: this.id, request }, signal)
    } finally {
      this.evaluating--
    }
  }

  dispose(): void {
    if (this.disposed) return
    this.disposed = true
    // A terminated worker has nothing left to free.
    this.queue.ask<'dispose'>({ kind: 'dispose', trainer: this.id }).catch(() => undefined)
  }

  private checkAlive(): void {
    if (this.disposed)
      throw new TrainError('E_TRAINER_DISPOSED', 'the trainer is disposed of; open another one')
  }

  private refuseBusy(verb: string): never {
    throw new TrainError(
      'E_TRAINER_BUSY',
      `parameters cannot be ${verb} during a request; await its promise first`,
    )
  }
}

/** Resolves when the worker has its backend; rejects with E_BACKEND_UNAVAILABLE or E_WORKER_CRASHED. */
function whenReady(worker: Worker): Promise<BackendInfo> {
  return new Promise((resolve, reject) => {
    worker.once('message', (reply: WorkerReply) => {
      if (reply.kind === 'ready') resolve(reply.backend)
      else if (reply.kind === 'failed') reject(new TrainError(reply.error.code, reply.error.message))
      else reject(new TrainError('E_TRAIN_INTERNAL', `the training thread began with '${reply.kind}'`))
    })
    worker.once('error', (cause) => reject(crashed(cause)))
    worker.once('exit', (code) => reject(crashed(undefined, code)))
  })
}

function crashed(cause: unknown, exitCode?: number): TrainError {
  const what = cause instanceof Error ? cause.message : `it ended with exit code ${exitCode}`
  return new TrainError(
    'E_WORKER_CRASHED',
    `the training thread is gone (${what}); start the service again`,
    cause,
  )
}

/** Starts the training thread and waits for its backend. */
export async function createTrainerService(init: TrainerServiceInit = {}): Promise<TrainerService> {
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const start: WorkerStart = { backend: init.backend ?? 'auto', stop }
  // Without this process's own flags: some, such as --input-type, would prevent the worker from starting.
  const worker = new Worker(init.workerEntry ?? new URL('./trainer-worker.js', import.meta.url), {
    workerData: start,
    execArgv: [],
  })
  const queue = new WorkerQueue(worker, stop)
  let exited = false
  worker.on('error', (cause) => queue.fail(crashed(cause)))
  worker.on('exit', (code) => {
    exited = true
    queue.fail(crashed(undefined, code))
  })
  const backend = await whenReady(worker)
  worker.on('message', (reply: WorkerReply) => {
    if ('id' in reply) queue.settle(reply)
  })
  worker.unref()

  const copies = new SharedCopies()
  let nextTrainer = 1
  return {
    backend,
    async open(spec) {
      const task = openTask(spec.task)
      checkSpec(spec, task)
      const shared: TrainerSpec = {
        ...spec,
        train: { ...copies.samples(spec.train), indices: copies.of(spec.train.indices) },
        test: copies.samples(spec.test),
      }
      const parameters = new Float32Array(new SharedArrayBuffer(4 * task.parameterCount))
      const id = nextTrainer++
      await queue.ask<'open'>({ kind: 'open', trainer: id, spec: shared, parameters })
      return new ServiceTrainer(queue, id, task, parameters)
    },
    async close() {
      queue.fail(new TrainError('E_SERVICE_CLOSED', 'the training service was closed'))
      if (exited) return
      worker.ref()
      const end = once(worker, 'exit')
      await worker.terminate()
      if (!exited) await end
    },
  }
}
