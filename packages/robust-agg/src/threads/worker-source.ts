/**
 * The code of a kernel thread, as text: a worker made from text needs no separate file, however this package is
 * bundled.
 *
 * Words of the shared control array: 0 the number of the job, never 0; 1 the job's low 16 bits and below them the
 * next span; 2 counts how often a thread has left a job; 3 counts spans computed by workers since the start; from
 * BUSY on, for each thread the number of its current job, 0 for none. `finished` holds for each span the number of
 * the last job in which it was computed. A span is claimed by compare-and-exchange of word 1, so that a thread that
 * is late for one job claims nothing of the next. A thread marks itself busy before it claims anything, so a span
 * that is claimed, not finished and not of a busy thread can only belong to a thread that has died.
 */

/** The index of the first busy word, of thread 0, which is the calling one and does not use it. */
export const BUSY = 4

export const WORKER_SOURCE = `'use strict'
const { workerData, receiveMessageOnPort } = require('node:worker_threads')
const { control, finished, memory, port, scratch, thread } = workerData
const instances = new Map()
port.postMessage('ready')
let seen = 0
let job = null
for (;;) {
  Atomics.wait(control, 0, seen)
  seen = Atomics.load(control, 0)
  for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) {
    job = got.message
    if (job.module !== null) {
      instances.set(job.id, new WebAssembly.Instance(job.module, { env: { memory } }).exports)
    }
  }
  if (job === null || job.number !== seen) continue
  const kernel = instances.get(job.id)[job.kernel]
  Atomics.store(control, ${BUSY} + thread, seen)
  for (;;) {
    const next = Atomics.load(control, 1)
    const span = next & 0xffff
    if (next >>> 16 !== (seen & 0xffff) || span >= job.spans.length) break
    if (Atomics.compareExchange(control, 1, next, next + 1) !== next) continue
    const values = job.spans[span].slice()
    values[values.length - 1] = scratch
    kernel(...values)
    Atomics.add(control, 3, 1)
    Atomics.store(finished, span, seen)
  }
  Atomics.store(control, ${BUSY} + thread, 0)
  Atomics.add(control, 2, 1)
  Atomics.notify(control, 2)
}
`
