import { Worker } from 'node:worker_threads'

/**
 * A second thread that sees when a case does not come back, which timers of a thread that loops cannot. It keeps the
 * input as a file and ends the process.
 */
export interface Watch {
  note(target: string, from: string, input: Uint8Array): void
  /** Nothing is being tried now. */
  rest(): void
  stop(): Promise<void>
}

const MOST_INPUT_BYTES = 4 * 1024 * 1024
const PATIENCE_MS = 120_000

const WATCHER = `
const { workerData: { state, input, text } } = require('node:worker_threads')
const { mkdirSync, writeFileSync, writeSync } = require('node:fs')
const cells = new Int32Array(state)
const read = (bytes, length) => Buffer.from(bytes).subarray(0, length)
let seen = -1
setInterval(() => {
  const now = Atomics.load(cells, 0)
  if (now !== seen || Atomics.load(cells, 1) === 0) { seen = now; return }
  const { folder, about } = JSON.parse(read(text, Atomics.load(cells, 3)).toString())
  mkdirSync(folder, { recursive: true })
  writeFileSync(folder + '/endless.bin', read(input, Atomics.load(cells, 2)))
  writeSync(2, about + ': did not come back; kept as ' + folder + '/endless.bin\\n')
  process.kill(process.pid, 'SIGKILL')
}, ${PATIENCE_MS})
`

export function startWatch(): Watch {
  const state = new SharedArrayBuffer(16)
  const input = new SharedArrayBuffer(MOST_INPUT_BYTES)
  const text = new SharedArrayBuffer(1024)
  const cells = new Int32Array(state)
  const worker = new Worker(WATCHER, { eval: true, workerData: { state, input, text } })
  worker.unref()
  const inputView = new Uint8Array(input)
  const textView = new Uint8Array(text)
  return {
    note(target, from, bytes) {
      const kept = bytes.subarray(0, MOST_INPUT_BYTES)
      inputView.set(kept)
      const about = JSON.stringify({
        folder: `fuzz/seeds/${target}`,
        about: `${target}, ${from}`,
      })
      const { written } = new TextEncoder().encodeInto(about, textView)
      Atomics.store(cells, 2, kept.byteLength)
      Atomics.store(cells, 3, written)
      Atomics.store(cells, 1, 1)
      Atomics.add(cells, 0, 1)
    },
    rest: () => void Atomics.store(cells, 1, 0),
    stop: async () => void (await worker.terminate()),
  }
}
