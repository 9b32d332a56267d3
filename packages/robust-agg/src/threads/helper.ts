/** One kernel thread beside the calling one: how it starts, and how its death is detected. */

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { layout } from '../wasm/runtime.js'
import { WORKER_SOURCE } from './worker-source.js'

export interface Helper {
  /** 1 and up. */
  readonly thread: number
  readonly worker: Worker
  /** Jobs are sent here. */
  readonly port: MessagePort
  /** Ids of the modules that the thread has received. */
  readonly known: Set<number>
  /** Nothing is ever sent here: the other end disappears with the thread. */
  life: MessagePort
}

/** Memory shared by all threads. */
export interface Shared {
  readonly control: Int32Array
  readonly finished: Int32Array
  readonly memory: object
}

/** @param onEnd - called once when the thread has ended, for any reason */
export function startHelper(thread: number, shared: Shared, onEnd: (helper: Helper) => void): Helper {
  const [jobs, life] = [new MessageChannel(), new MessageChannel()]
  const scratch = layout.scratch + thread * layout.scratchBytes
  const worker = new Worker(WORKER_SOURCE, {
    eval: true,
    name: `kernel-${thread}`,
    execArgv: [],
    workerData: { ...shared, port: jobs.port2, life: life.port2, scratch, thread },
    transferList: [jobs.port2, life.port2],
  })
  const helper: Helper = { thread, worker, port: jobs.port1, known: new Set(), life: life.port1 }
  // Helpers must not keep the process alive.
  worker.unref()
  helper.port.unref()
  helper.life.unref()
  // An error ends a thread; without a listener it would end the process.
  worker.on('error', () => {})
  worker.once('exit', () => {
    onEnd(helper)
    helper.port.close()
    helper.life.close()
  })
  return helper
}

/** Resolves when a helper waits for its first job; being started is not enough. */
export function readiness({ worker, port }: Helper): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('a kernel thread ended while it was starting'))
    port.ref()
    worker.once('error', reject)
    worker.once('exit', ended)
    port.once('message', () => {
      port.unref()
      worker.off('error', reject)
      worker.off('exit', ended)
      resolve()
    })
  })
}

/**
 * True when the thread has ended. The calling thread may be inside one long call, so this works without events: a
 * port whose other end is gone cannot be transferred. At that point the thread no longer runs any code.
 */
export function hasEnded(helper: Helper): boolean {
  // Reading makes the port notice that its other end is gone.
  receiveMessageOnPort(helper.life)
  const { port1, port2 } = new MessageChannel()
  try {
    port1.postMessage(helper.life, [helper.life])
  } catch {
    return true
  } finally {
    const back: { message: MessagePort } | undefined = receiveMessageOnPort(port2)
    if (back !== undefined) {
      helper.life = back.message
      helper.life.unref()
    }
    port1.close()
  }
  return false
}
