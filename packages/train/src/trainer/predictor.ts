/** A finished model at work in this thread: predictions and evaluations, without a trainer's state. */

import type { Samples } from '../data/dataset.js'
import { type BackendChoice, chooseEngine } from '../engine/choose-engine.js'
import { classNamesOf, type OpenTask } from '../task/task.js'
import { createBatchFiller } from './batch-filling.js'
import { createTrainerFactory } from './engine-trainer.js'
import { TrainError } from './train-error.js'
import type { Evaluation } from './trainer.js'

/** What a model says of one sample. */
export type Prediction =
  /** The most likely class, and the probability of every class by its name. */
  | { readonly label: string; readonly probabilities: Readonly<Record<string, number>> }
  /** The probability of every label. */
  | { readonly labels: Readonly<Record<string, number>> }
  /** Numbers in the units of their columns. */
  | { readonly numbers: Readonly<Record<string, number>> }
  /** The most likely next token of each position, and its probability. */
  | { readonly tokens: readonly number[]; readonly probabilities: readonly number[] }

export interface Predictor {
  /** One prediction per sample, in order. */
  predict(samples: Samples): Promise<Prediction[]>
  /** The same, some at a time. */
  predictions(samples: Samples): AsyncIterable<Prediction[]>
  /** Loss and metrics on labelled samples. */
  evaluate(samples: Samples): Promise<Evaluation>
}

const BATCH = 256

/** Throws TrainError E_TASK for a model that only its own trainer knows. */
export async function openPredictor(
  open: OpenTask,
  parameters: Float32Array,
  backend: BackendChoice = 'auto',
): Promise<Predictor> {
  const { task, model } = open
  if (model === undefined)
    throw new TrainError(
      'E_TASK',
      `the model of task ${task.name} is known only to the process that trains it, so it can be neither evaluated nor used ` +
        'here; take it there with `model export --format safetensors`',
    )
  const { engine } = await chooseEngine(backend)
  const program = engine.compile(model, task.loss)
  const filler = createBatchFiller(task)
  const read = predictionReader(open)
  async function* predictions(samples: Samples): AsyncGenerator<Prediction[]> {
    for (let start = 0; start < samples.count; start += BATCH) {
      const batch = Math.min(BATCH, samples.count - start)
      const order = Uint32Array.from({ length: batch }, (_, k) => start + k)
      yield await engine.run(() => {
        program.load(parameters)
        filler.fill(program, samples, order, batch)
        const outputs = program.forward(batch)
        const width = outputs.length / batch
        return Array.from(order, (_, k) => read(outputs.subarray(k * width, (k + 1) * width)))
      })
    }
  }
  return {
    predictions,
    async predict(samples) {
      const out: Prediction[] = []
      for await (const some of predictions(samples)) out.push(...some)
      return out
    },
    async evaluate(samples) {
      const trainer = createTrainerFactory(engine).open({
        task,
        train: { ...samples, indices: new Uint32Array(0) },
        test: samples,
        nodeId: 0,
        seed: 0,
      })
      trainer.setParameters(parameters)
      return trainer.evaluate()
    },
  }
}

/** Turns the outputs of one sample into a prediction. */
function predictionReader({ task, outputs }: OpenTask): (values: Float32Array) => Prediction {
  const { output } = task
  switch (output.type) {
    case 'class': {
      const names = classNamesOf(task)
      return (values) => {
        const probabilities = softmax(values)
        return {
          label: names[largest(probabilities)] ?? '',
          probabilities: Object.fromEntries(names.map((name, k) => [name, probabilities[k] as number])),
        }
      }
    }
    case 'labels':
      return (values) => ({
        labels: Object.fromEntries(
          output.columns.map((name, k) => [name, 1 / (1 + Math.exp(-(values[k] as number)))]),
        ),
      })
    case 'number':
      return (values) => ({
        numbers: Object.fromEntries(
          output.columns.map(({ name, mean, deviation }, k) => [
            name,
            (values[k] as number) * deviation + mean,
          ]),
        ),
      })
    case 'next-token':
      return (values) => {
        const each = Array.from({ length: values.length / outputs }, (_, t) =>
          softmax(values.subarray(t * outputs, (t + 1) * outputs)),
        )
        const tokens = each.map(largest)
        return { tokens, probabilities: each.map((row, t) => row[tokens[t] as number] as number) }
      }
  }
}

function softmax(values: Float32Array): number[] {
  const highest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const powers = Array.from(values, (value) => Math.exp(value - highest))
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((power) => power / sum)
}

function largest(values: readonly number[]): number {
  return values.reduce((best, value, k) => (value > (values[best] as number) ? k : best), 0)
}
