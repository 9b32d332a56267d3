/**
 * First-in-first-out requests to one worker thread, one running at a time; the others wait here and can still be
 * cancelled.
 */

import type { Worker } from 'node:worker_threads'
import { TrainError } from './train-error.js'
import type { WorkerReply, WorkerRequest, WorkerResults } from './worker-messages.js'

interface Job {
  message: WorkerRequest
  signal: AbortSignal | undefined
  onAbort: (() => void) | undefined
  resolve(value: WorkerResults[keyof WorkerResults]): void
  reject(error: TrainError): void
}

/** Distributes over the members of the union. */
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never
export type WorkerRequestBody = WithoutId<WorkerRequest>

export class WorkerQueue {
  private readonly worker: Worker
  private readonly stop: Int32Array
  private readonly waiting: Job[] = []
  private running: Job | undefined
  private nextId = 1
  private failure: TrainError | undefined

  /** @param stop one shared int; the worker stops the running request while it is not 0 */
  constructor(worker: Worker, stop: Int32Array) {
    this.worker = worker
    this.stop = stop
  }

  /**
   * Asks the worker. A signal removes a waiting request at once; a running one is stopped through the `stop` flag and
   * rejects with E_TRAIN_ABORTED within a step, unless it has already finished.
   */
  ask<K extends WorkerRequest['kind']>(
    body: Extract<WorkerRequestBody, { kind: K }>,
    signal?: AbortSignal,
  ): Promise<WorkerResults[K]> {
    const { promise, job } = this.createJob({ ...body, id: this.nextId++ } as WorkerRequest, signal)
    if (this.failure !== undefined) {
      job.reject(this.failure)
    } else if (signal?.aborted === true) {
      job.reject(
        new TrainError('E_TRAIN_ABORTED', 'stopped before it was sent to the training thread', signal.reason),
      )
    } else {
      if (job.onAbort !== undefined) signal?.addEventListener('abort', job.onAbort, { once: true })
      this.waiting.push(job)
      this.pump()
    }
    return promise as Promise<WorkerResults[K]>
  }

  /** Handles the reply to the running request. */
  settle(reply: Extract<WorkerReply, { id: number }>): void {
    const job = this.running
    if (job === undefined || job.message.id !== reply.id) return
    this.running = undefined
    this.release(job)
    if (reply.kind === 'result') job.resolve(reply.value)
    else job.reject(new TrainError(reply.error.code, reply.error.message))
    this.pump()
  }

  /** Rejects all pending and future requests. The first failure counts. */
  fail(error: TrainError): void {
    this.failure ??= error
    const jobs = this.running === undefined ? [...this.waiting] : [this.running, ...this.waiting]
    this.running = undefined
    this.waiting.length = 0
    for (const job of jobs) {
      this.release(job)
      job.reject(this.failure)
    }
  }

  private createJob(message: WorkerRequest, signal: AbortSignal | undefined) {
    let resolve: Job['resolve'] = () => undefined
    let reject: Job['reject'] = () => undefined
    const promise = new Promise<WorkerResults[keyof WorkerResults]>((onResult, onError) => {
      resolve = onResult
      reject = onError
    })
    const job: Job = { message, signal, onAbort: undefined, resolve, reject }
    if (signal !== undefined) job.onAbort = () => this.abort(job)
    return { promise, job }
  }

  private abort(job: Job): void {
    const place = this.waiting.indexOf(job)
    if (place >= 0) {
      this.waiting.splice(place, 1)
      job.reject(
        new TrainError(
          'E_TRAIN_ABORTED',
          'stopped while waiting for the training thread',
          job.signal?.reason,
        ),
      )
    } else if (job === this.running) {
      Atomics.store(this.stop, 0, 1)
    }
  }

  /** The process may end while the worker is idle, but not while it works. */
  private pump(): void {
    if (this.running !== undefined) return
    this.running = this.waiting.shift()
    if (this.running === undefined) {
      this.worker.unref()
      return
    }
    this.worker.ref()
    Atomics.store(this.stop, 0, 0)
    this.worker.postMessage(this.running.message)
  }

  private release(job: Job): void {
    if (job.onAbort !== undefined) job.signal?.removeEventListener('abort', job.onAbort)
  }
}
