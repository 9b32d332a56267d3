/**
 * Training and evaluation on byte images by a node's trainer, with the lookup in the engine's memory and with the one in
 * JavaScript that engines without `inputBytes` get. The two take turns and the best slice of each counts.
 *
 * npx tsx packages/train/bench/bytes.bench.ts
 */

import { createRng } from '@tempered/robust-agg/rng'
import type { Samples } from '../src/data/dataset.js'
import type { Engine } from '../src/engine/engine.js'
import { createWasmEngine } from '../src/engine/wasm/wasm-engine.js'
import { imageTask } from '../src/task/image-task.js'
import { createTrainerFactory } from '../src/trainer/engine-trainer.js'

const COUNT = 2000
const SLICES = 40
const SECONDS = 0.1

const rng = createRng('bytes')
const samples: Samples = {
  inputs: Uint8Array.from({ length: COUNT * 784 }, () => rng.integer(256)),
  targets: Uint8Array.from({ length: COUNT }, () => rng.integer(10)),
  count: COUNT,
  shape: [28, 28, 1],
}

/** The same engine without the method. */
function withoutBytes(engine: Engine): Engine {
  return {
    ...engine,
    compile(model, loss) {
      const program = engine.compile(model, loss)
      return new Proxy(program, {
        get(target, key) {
          const value = key === 'inputBytes' ? undefined : Reflect.get(target, key)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    },
  }
}

interface Measured {
  best: number
  slice(): Promise<number>
}

function trainings(
  engine: Engine,
  model: 'softmax' | 'mlp' | 'cnn',
): { train: Measured; evaluate: Measured } {
  const trainer = createTrainerFactory(engine).open({
    task: imageTask(model, { shape: samples.shape, classes: 10 }).task,
    seed: 1,
    nodeId: 0,
    train: { ...samples, indices: Uint32Array.from({ length: COUNT }, (_, k) => k) },
    test: samples,
  })
  let round = 0
  const forSeconds = async (work: () => Promise<number>): Promise<number> => {
    const begun = performance.now()
    let done = 0
    while (performance.now() - begun < 1000 * SECONDS) done += await work()
    return (1000 * done) / (performance.now() - begun)
  }
  const request = { steps: 20, batchSize: 32, learningRate: 0.001, momentum: 0.9 }
  return {
    train: {
      best: 0,
      slice: () => forSeconds(async () => (await trainer.train({ round: round++, ...request })).samples),
    },
    evaluate: {
      best: 0,
      slice: () => forSeconds(async () => (await trainer.evaluate({ limit: 500 })).samples),
    },
  }
}

for (const model of ['softmax', 'mlp', 'cnn'] as const) {
  const engines = [createWasmEngine(), withoutBytes(createWasmEngine())].map((engine) =>
    trainings(engine, model),
  )
  for (let slice = 0; slice < SLICES; slice++)
    for (const measured of engines)
      for (const kind of [measured.train, measured.evaluate])
        kind.best = Math.max(kind.best, await kind.slice())
  const [inside, outside] = engines as [(typeof engines)[0], (typeof engines)[0]]
  for (const kind of ['train', 'evaluate'] as const) {
    const [fast, slow] = [inside[kind].best, outside[kind].best]
    console.log(
      `${model} ${kind}: ${Math.round(fast)} samples/s, ${(fast / slow).toFixed(2)} of JavaScript's ${Math.round(slow)}`,
    )
  }
}
