import { manifestTask } from '@tempered/node'
import { createAttack, withTrigger } from '@tempered/robust-agg/attacks'
import {
  createTrainerService,
  type DataSource,
  type Dataset,
  inputsOf,
  labelsOf,
  type Samples,
  volume,
} from '@tempered/train'
import type { RunPlan } from '../scenario/plan.js'

/** Attack success rate of a backdoor, on test images that carry its trigger. */
export interface BackdoorMeter {
  /** Share in [0, 1] of triggered test images of other classes that the model classifies as the target. */
  successOf(model: Float32Array): Promise<number>
  close(): Promise<void>
}

const NAME = 'backdoor'

/**
 * A meter for the first backdoor among the attacks of a plan; undefined when there is none. The trigger is put on the
 * first `limit` test images whose label is not the target. Throws TrainError.
 */
export async function openBackdoorMeter(
  plan: RunPlan,
  { train, test: plain }: Partial<DataSource>,
  limit: number,
): Promise<BackdoorMeter | undefined> {
  const attack = plan.nodes
    .flatMap((node) => (node.attack === undefined ? [] : [node.attack, node.attack.poison]))
    .find((one) => one?.name === NAME)
  // A node that poisons data has data of the scenario.
  if (attack === undefined || train === undefined || plain === undefined) return undefined
  const { target, size } = createAttack(NAME, attack.params).params as { target: number; size: number }
  const test = triggered(plain, target, size, limit)
  const { manifest } = plan.run
  const service = await createTrainerService({ backend: plan.scenario.backend })
  const trainer = await service.open({
    task: manifestTask(manifest).task,
    train: { ...train, indices: Uint32Array.of(0) },
    test,
    nodeId: 'backdoor-meter',
    seed: manifest.seed,
  })
  // The trainer holds one model at a time.
  let last: Promise<unknown> = Promise.resolve()
  return {
    successOf(model) {
      const next = last.then(async () => {
        trainer.setParameters(model)
        // Not the metric accuracy, which a task need not list.
        const { perClass = [], samples } = await trainer.evaluate()
        return samples === 0 ? 0 : perClass.reduce((sum, { correct }) => sum + correct, 0) / samples
      })
      last = next.catch(() => undefined)
      return next
    },
    close: () => service.close(),
  }
}

/** Test images of other classes with the trigger, all labelled with the target. */
function triggered(test: Dataset, target: number, size: number, limit: number): Samples {
  const [height = 1, width = 1, channels = 1] = test.shape
  const pixels = volume(test.shape)
  const known = labelsOf(test)
  const chosen = [...known.keys()].filter((index) => known[index] !== target).slice(0, limit)
  const bytes = inputsOf(test, Uint32Array.from(chosen))
  const features = new Float32Array(chosen.length * pixels)
  for (let k = 0; k < features.length; k++) features[k] = bytes[k]! / 255
  const labels = Uint8Array.from(chosen, (index) => known[index]!)
  const stamped = withTrigger({ features, labels, height, width, channels, classes: test.classes }, size)
  return {
    count: chosen.length,
    shape: test.shape,
    inputs: Uint8Array.from(stamped.features, (value) => Math.round(255 * value)),
    targets: new Uint8Array(chosen.length).fill(target),
  }
}
