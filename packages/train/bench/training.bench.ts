/** Training and evaluation speed of every model on every backend that starts here, on made-up MNIST-sized images. */

import { type BackendName, createBackend } from '../src/engine/tfjs/backend.js'
import { createTfjsEngine } from '../src/engine/tfjs/tfjs-engine.js'
import { imageTask } from '../src/task/image-task.js'
import { createTrainerFactory } from '../src/trainer/engine-trainer.js'

type ModelName = 'softmax' | 'mlp' | 'cnn'

export interface TrainingBenchRow {
  backend: BackendName
  model: ModelName
  /** Samples a second in training, batch 32, momentum 0.9: best of several rounds. */
  trainSamplesPerSecond: number
  /** Samples a second in evaluation, batch 256: best of several passes. */
  evaluateSamplesPerSecond: number
}

const SAMPLES = 1024
const BATCH = 32

/** Steps per round and evaluated samples: enough to measure, little enough to finish on the slow backend. */
const EFFORT: Record<BackendName, Record<ModelName, { steps: number; limit: number; repeats: number }>> = {
  node: { softmax: fast(), mlp: fast(), cnn: { steps: 10, limit: 512, repeats: 5 } },
  wasm: { softmax: fast(), mlp: fast(), cnn: { steps: 3, limit: 256, repeats: 5 } },
  cpu: {
    softmax: { steps: 5, limit: 256, repeats: 3 },
    mlp: { steps: 2, limit: 64, repeats: 3 },
    cnn: once(),
  },
}

function fast() {
  return { steps: 50, limit: 1024, repeats: 6 }
}

function once() {
  return { steps: 1, limit: 4, repeats: 1 }
}

async function bestSeconds(repeats: number, run: () => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let k = 0; k < repeats; k++) {
    const start = performance.now()
    await run()
    best = Math.min(best, (performance.now() - start) / 1000)
  }
  return best
}

/** Rows for the backends given; one that does not start here is left out. */
export async function benchTraining(
  backends: readonly BackendName[] = ['node', 'wasm', 'cpu'],
): Promise<TrainingBenchRow[]> {
  const images = Uint8Array.from({ length: SAMPLES * 784 }, (_, k) => ((k * 2654435761) >>> 13) & 255)
  const labels = Uint8Array.from({ length: SAMPLES }, (_, k) => k % 10)
  const indices = Uint32Array.from({ length: SAMPLES }, (_, k) => k)
  const shape = [28, 28, 1] as const
  const samples = { count: SAMPLES, shape, inputs: images, targets: labels }
  const rows: TrainingBenchRow[] = []
  for (const name of backends) {
    const backend = await createBackend(name).catch(() => undefined)
    if (backend === undefined) continue
    const factory = createTrainerFactory(createTfjsEngine(backend))
    for (const model of ['softmax', 'mlp', 'cnn'] as const) {
      const { steps, limit, repeats } = EFFORT[name][model]
      const trainer = factory.open({
        task: imageTask(model, { shape, classes: 10 }).task,
        train: { ...samples, indices },
        test: samples,
        nodeId: 'bench',
        seed: 1,
      })
      const request = { round: 0, steps, batchSize: BATCH, learningRate: 0.01, momentum: 0.9 }
      const train = await bestSeconds(repeats, () => trainer.train(request))
      const evaluate = await bestSeconds(repeats, () => trainer.evaluate({ limit }))
      trainer.dispose()
      rows.push({
        backend: name,
        model,
        trainSamplesPerSecond: Math.round((steps * BATCH) / train),
        evaluateSamplesPerSecond: Math.round(limit / evaluate),
      })
    }
  }
  return rows
}
