/**
 * Training steps (forward, loss, backward, SGD with momentum 0.9; batch 32) of the built-in models on every engine, on
 * tfjs-node where it is installed, and in PyTorch on one thread where /usr/bin/python3 has it. The engines take turns in short slices and the best step of
 * all slices counts, since other programs use the machine too. Steps of ours and of tfjs include copying the samples in.
 *
 * The samples are noise without a zero in it; the MLP also gets digits, four fifths of which are zeros, since ours leaves
 * the products with zeros out in a model's first layer.
 *
 * npx tsx packages/train/bench/engines.bench.ts [models…]
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { inputArray } from '../src/data/dataset.js'
import { loadEmbeddedMnist } from '../src/data/embedded-mnist.js'
import type { Engine } from '../src/engine/engine.js'
import { createBackend } from '../src/engine/tfjs/backend.js'
import { createTfjsEngine } from '../src/engine/tfjs/tfjs-engine.js'
import { createWasmEngine } from '../src/engine/wasm/wasm-engine.js'
import { BUILT_IN_MODELS, type BuiltInModel, builtInLayers } from '../src/task/built-in-models.js'
import { drawInitialParameters } from '../src/task/initial-parameters.js'
import { layerSchema } from '../src/task/layer-schema.js'
import { buildModel } from '../src/task/model.js'
import type { Model, Shape } from '../src/task/operation.js'

export interface EngineBenchRow {
  readonly engine: 'wasm-simd' | 'tfjs' | 'tfjs-node' | 'pytorch'
  readonly model: BuiltInModel
  readonly samples: Samples
  readonly samplesPerSecond: number
  /** Undefined where the other one cannot run. */
  readonly ratioToPytorch: number | undefined
  readonly ratioToTfjs: number | undefined
}

type Samples = 'noise' | 'digits'
interface Case {
  readonly model: BuiltInModel
  readonly samples: Samples
}

/** What is measured, in the order of the table. */
const CASES: readonly Case[] = BUILT_IN_MODELS.flatMap((model): Case[] =>
  model === 'mlp'
    ? [
        { model, samples: 'noise' },
        { model, samples: 'digits' },
      ]
    : [{ model, samples: 'noise' }],
)

const BATCH = 32
const PYTHON = '/usr/bin/python3'
const VOCABULARY = 1000

const SHAPES: Record<BuiltInModel, Shape> = {
  softmax: [28, 28, 1],
  mlp: [28, 28, 1],
  cnn: [28, 28, 1],
  resnet8: [32, 32, 3],
  'tabular-mlp': [32],
  'lstm-text': [40],
}

/** Steps per slice of the engines of our own and of PyTorch, and of tfjs. */
const STEPS: Record<BuiltInModel, readonly [number, number]> = {
  softmax: [200, 50],
  mlp: [100, 20],
  cnn: [4, 2],
  resnet8: [2, 1],
  'tabular-mlp': [300, 50],
  'lstm-text': [8, 2],
}

/** Numbers in [0, 1), the same as in pytorch.py. */
function noise(length: number): Float32Array {
  return Float32Array.from({ length }, (_, k) => (Math.imul(k, 2654435761) >>> 8) / 2 ** 24)
}

/** The first digits of those that every installation has, in [0, 1]. */
async function digits(): Promise<Float32Array> {
  const { train } = await loadEmbeddedMnist('')
  return Float32Array.from(
    (inputArray(train) as Uint8Array).subarray(0, BATCH * 28 * 28),
    (byte) => byte / 255,
  )
}

/** One slice; returns its best step in seconds. */
type Slice = () => Promise<number>

function modelOf(name: BuiltInModel): Model {
  const layers = builtInLayers(name, SHAPES[name], 10, VOCABULARY).map((layer) => layerSchema.parse(layer))
  return buildModel(SHAPES[name], layers, name === 'lstm-text' ? 'int32' : 'float32')
}

function sliceOf(engine: Engine, name: BuiltInModel, floats: Float32Array, steps: number): Slice {
  const text = name === 'lstm-text'
  const model = modelOf(name)
  const program = engine.compile(model, 'cross-entropy')
  const inputs = text ? Int32Array.from(floats, (x) => Math.floor(x * VOCABULARY)) : floats
  const labels = Int32Array.from({ length: BATCH }, (_, k) => k % 10)
  const parameters = drawInitialParameters(model, 1)
  const optimiser = { kind: 'sgd', momentum: 0.9, weightDecay: 0 } as const
  return () =>
    engine.run(() => {
      let best = Number.POSITIVE_INFINITY
      program.load(parameters)
      for (let step = 0; step < steps; step++) {
        const start = performance.now()
        program.inputs(BATCH).set(inputs)
        program.targets(BATCH).set(labels)
        program.step(BATCH, { optimiser, learningRate: 0.01, seed: step })
        best = Math.min(best, performance.now() - start)
      }
      return best / 1000
    })
}

/** pytorch.py, which answers each line with a line. */
class Pytorch {
  private readonly process: ChildProcess
  private readonly answers: AsyncIterator<string>

  constructor() {
    const { OPENBLAS_CORETYPE: _, ...rest } = process.env
    const script = fileURLToPath(new URL('./pytorch.py', import.meta.url))
    const env = { ...rest, OPENBLAS_NUM_THREADS: '1', OMP_NUM_THREADS: '1' }
    this.process = spawn(PYTHON, [script], { stdio: ['pipe', 'pipe', 'inherit'], env })
    this.answers = createInterface({ input: this.process.stdout as NodeJS.ReadableStream })[
      Symbol.asyncIterator
    ]()
  }

  async ask(line: string): Promise<string> {
    this.process.stdin?.write(`${line}\n`)
    const { value, done } = await this.answers.next()
    if (done) throw new Error(`pytorch.py ended instead of answering ${line}`)
    return value
  }

  close(): void {
    this.process.stdin?.end()
  }
}

/** As tables name it. */
export const caseText = ({ model, samples }: Case): string =>
  samples === 'noise' ? model : `${model}, ${samples}`

export interface EngineBench {
  readonly rows: readonly EngineBenchRow[]
  /** Version and BLAS of the PyTorch that was compared with, or why there is none. */
  readonly yardstick: string
}

/** Throws unless the model there has as many parameters; PyTorch's LSTM has a second bias. */
async function openInPytorch(
  pytorch: Pytorch | undefined,
  name: BuiltInModel,
  inputs: string,
): Promise<void> {
  const theirs = Number(await pytorch?.ask(`open ${name} ${inputs}`))
  const ours = modelOf(name).parameterCount + (name === 'lstm-text' ? 256 : 0)
  if (pytorch !== undefined && theirs !== ours)
    throw new Error(`${name}: ${theirs} parameters in PyTorch, ${ours} here`)
}

/** `seconds`: how long each model is measured. */
export async function benchEngines(
  models: readonly BuiltInModel[] = BUILT_IN_MODELS,
  seconds = 12,
): Promise<EngineBench> {
  const installed = spawnSync(PYTHON, ['-c', 'import numpy, torch'], { stdio: 'ignore' }).status === 0
  const pytorch = installed ? new Pytorch() : undefined
  const simd = createWasmEngine()
  const wasm = createTfjsEngine(await createBackend('wasm'))
  const node = await createBackend('node').then(createTfjsEngine, () => undefined)
  const rows: EngineBenchRow[] = []
  for (const { model, samples } of CASES.filter((one) => models.includes(one.model))) {
    const floats = SHAPES[model].reduce((product, size) => product * size, 1)
    const inputs = samples === 'digits' ? await digits() : noise(BATCH * floats)
    await openInPytorch(pytorch, model, Buffer.from(inputs.buffer).toString('base64'))
    const [own, theirs] = STEPS[model]
    const slices: Record<EngineBenchRow['engine'], Slice | undefined> = {
      'wasm-simd': sliceOf(simd, model, inputs, own),
      tfjs: sliceOf(wasm, model, inputs, theirs),
      'tfjs-node': node && sliceOf(node, model, inputs, theirs),
      pytorch: pytorch && (async () => Number(await pytorch.ask(`run ${own}`))),
    }
    const best = new Map<EngineBenchRow['engine'], number>()
    const end = performance.now() + 1000 * seconds
    while (performance.now() < end) {
      for (const [engine, slice] of Object.entries(slices) as [
        EngineBenchRow['engine'],
        Slice | undefined,
      ][]) {
        if (slice === undefined) continue
        best.set(engine, Math.min(best.get(engine) ?? Number.POSITIVE_INFINITY, await slice()))
      }
    }
    const ratio = (engine: EngineBenchRow['engine'], other: EngineBenchRow['engine']): number | undefined =>
      best.has(other) ? (best.get(other) as number) / (best.get(engine) as number) : undefined
    for (const [engine, step] of best) {
      rows.push({
        engine,
        model,
        samples,
        samplesPerSecond: Math.round(BATCH / step),
        ratioToPytorch: ratio(engine, 'pytorch'),
        ratioToTfjs: ratio(engine, 'tfjs'),
      })
    }
  }
  const yardstick = pytorch
    ? await pytorch.ask('blas')
    : `no PyTorch: ${PYTHON} has no modules torch and numpy`
  pytorch?.close()
  return { rows, yardstick }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = BUILT_IN_MODELS.filter((name) => process.argv.length < 3 || process.argv.includes(name))
  const { rows, yardstick } = await benchEngines(wanted)
  console.log(yardstick)
  const text = (ratio: number | undefined): string => (ratio === undefined ? '–' : ratio.toFixed(2))
  for (const { engine, model, samples, samplesPerSecond, ratioToPytorch, ratioToTfjs } of rows) {
    const cells = [caseText({ model, samples }), engine, samplesPerSecond.toLocaleString('en-US')]
    const ratios = `${text(ratioToPytorch)} × PyTorch, ${text(ratioToTfjs)} × tfjs`
    console.log(`${cells.map((cell) => cell.padEnd(16)).join('')}${ratios}`)
  }
}
