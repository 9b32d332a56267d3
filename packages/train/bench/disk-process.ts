/** One process of disk.bench.ts: loads a source, trains, and prints what it took as JSON. */

import { spawnSync } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { createTrainerService, inMemory, loadData, resolveTask, taskFileSchema } from '../dist/index.js'
import type { DiskJob, DiskMeasurement } from './disk.bench.js'

const BATCH = 32
const SLICES = 8

const peakMegabytes = (): number => process.resourceUsage().maxRSS / 1000

/** Has the system forget what it holds of a file; false where it cannot. */
function forget(path: string): boolean {
  const script = `import os; f = os.open(${JSON.stringify(path)}, os.O_RDONLY); os.fsync(f); os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)`
  return spawnSync('/usr/bin/python3', ['-c', script]).status === 0
}

const job = JSON.parse(process.argv[2] ?? '') as DiskJob
const open = resolveTask(taskFileSchema.parse(job.task))
const startMb = peakMegabytes()
const begun = performance.now()
const { train, test } = await loadData({ source: job.source, memory: job.memory }, job.cache, open)
const loadSeconds = (performance.now() - begun) / 1000
const loadedMb = peakMegabytes()
const service = await createTrainerService()
const indices = Uint32Array.from({ length: train.count }, (_, k) => k)
const trainer = await service.open({
  task: open.task,
  train: { ...train, indices },
  test,
  nodeId: 0,
  seed: 1,
})
const slice = async (steps: number, round: number): Promise<number> => {
  const start = performance.now()
  await trainer.train({ round, steps, batchSize: BATCH, learningRate: 0.001, momentum: 0.9 })
  return (steps * BATCH * 1000) / (performance.now() - start)
}
await slice(job.steps, 0)
let cold: number | undefined
if (!inMemory(train.inputs) && forget(train.inputs.path)) cold = await slice(Math.ceil(job.steps / 4), 1)
// The system holds a file that was read where memory is left.
if (!inMemory(train.inputs)) for await (const _ of createReadStream(train.inputs.path));
let best = 0
for (let round = 2; round < 2 + SLICES; round++) {
  best = Math.max(best, await slice(job.steps, round))
  await setTimeout(0)
}
await service.close()
const measured: DiskMeasurement = {
  onDisk: !inMemory(train.inputs),
  sampleBytes: train.inputs.byteLength + test.inputs.byteLength,
  ...{ loadSeconds, startMb, loadedMb, samplesPerSecond: best, coldSamplesPerSecond: cold },
  peakMb: peakMegabytes(),
}
process.stdout.write(JSON.stringify(measured))
