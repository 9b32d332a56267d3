import type { Samples } from '../../src/data/dataset.js'
import type { BuiltInModel } from '../../src/task/built-in-models.js'
import { imageTask } from '../../src/task/image-task.js'
import type { TrainerSpec } from '../../src/trainer/trainer.js'

/** Images with labels, all of them the node's own, and tested on as well unless `over` says otherwise. */
export function imageSpec(
  model: BuiltInModel,
  shape: readonly [number, number, number],
  classes: number,
  inputs: Uint8Array,
  targets: Uint8Array,
  over: Partial<TrainerSpec> = {},
): TrainerSpec {
  const samples: Samples = { count: targets.length, shape, inputs, targets }
  const indices = Uint32Array.from({ length: targets.length }, (_, k) => k)
  return {
    task: imageTask(model, { shape, classes }).task,
    train: { ...samples, indices },
    test: samples,
    nodeId: 0,
    seed: 1,
    ...over,
  }
}
