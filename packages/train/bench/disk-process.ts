/** One process of disk.bench.ts: loads a source, trains, and prints what it took as JSON. */

import { spawnSync } from 'node:child_process'
import { createReadStream } from 'node:fs'
import {
  createTrainerService,
  type DataSource,
  inMemory,
  loadData,
  resolveTask,
  taskFileSchema,
} from '../dist/index.js'
import type { DiskJob, DiskMeasurement } from './disk.bench.js'

const BATCH = 32
const SLICES = 12

const peakMegabytes = (): number => process.resourceUsage().maxRSS / 1000

/** Has the system forget what it holds of a file; false where it cannot. */
function forget(path: string): boolean {
  const script = `import os; f = os.open(${JSON.stringify(path)}, os.O_RDONLY); os.fsync(f); os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)`
  return spawnSync('/usr/bin/python3', ['-c', script]).status === 0
}

const job = JSON.parse(process.argv[2] ?? '') as DiskJob
const open = resolveTask(taskFileSchema.parse(job.task))
const service = await createTrainerService()

/** Samples per second of one slice of training. */
type Slice = (steps: number) => Promise<number>

async function slices({ train, test }: DataSource): Promise<Slice> {
  const indices = Uint32Array.from({ length: train.count }, (_, k) => k)
  const trainer = await service.open({
    task: open.task,
    train: { ...train, indices },
    test,
    nodeId: 0,
    seed: 1,
  })
  let round = 0
  return async (steps) => {
    const start = performance.now()
    await trainer.train({ round: round++, steps, batchSize: BATCH, learningRate: 0.001, momentum: 0.9 })
    return (steps * BATCH * 1000) / (performance.now() - start)
  }
}

const load = (memory: string) => loadData({ source: job.source, memory }, job.cache, open)
const startMb = peakMegabytes()
const begun = performance.now()
const source = await load(job.memory)
const loadSeconds = (performance.now() - begun) / 1000
const loadedMb = peakMegabytes()
const { inputs } = source.train
const slice = await slices(source)
await slice(job.steps)
const peakMb = peakMegabytes()
let rates: DiskMeasurement['rates']
if (job.compare !== undefined && !inMemory(inputs)) {
  const other = await slices(await load(job.compare))
  const best = { disk: 0, memory: 0 }
  // The system holds a file that was read, where memory is left.
  for await (const _ of createReadStream(inputs.path));
  for (let k = 0; k < SLICES; k++) {
    best.disk = Math.max(best.disk, await slice(job.steps))
    best.memory = Math.max(best.memory, await other(job.steps))
  }
  let cold: number | undefined
  for (let k = 0; k < 3 && forget(inputs.path); k++)
    cold = Math.max(cold ?? 0, await slice(Math.ceil(job.steps / 8)))
  rates = { ...best, cold }
}
await service.close()
const measured: DiskMeasurement = {
  onDisk: !inMemory(inputs),
  sampleBytes: inputs.byteLength + source.test.inputs.byteLength,
  ...{ loadSeconds, startMb, loadedMb, peakMb, rates },
}
process.stdout.write(JSON.stringify(measured))
