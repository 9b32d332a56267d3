import { spawnSync } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pythonWith } from '../../../../../test-support/python.js'
import { loadData } from '../../../src/data/load-data.js'
import { createWasmEngine } from '../../../src/engine/wasm/wasm-engine.js'
import { initialTaskParameters, resolveTask } from '../../../src/task/task.js'
import { type TaskFileInput, taskFileSchema } from '../../../src/task/task-schema.js'
import { createTrainerFactory } from '../../../src/trainer/engine-trainer.js'
import { createProcessTrainer } from '../../../src/trainer/process/process-trainer.js'

const path = (relative: string): string =>
  fileURLToPath(new URL(`../../../../../${relative}`, import.meta.url))

const HELPER = path('python/tempered_trainer')

const CLASSES = ['low', 'middle', 'high']

/** Classes on a line: a + b tells them apart. */
function rowsOf(classes: readonly string[]): string {
  const rows = Array.from({ length: 60 }, (_, k) => {
    const kind = k % classes.length
    return `${2 * kind + (k % 5) / 10},${kind - (k % 7) / 20},${classes[kind]}\n`
  })
  return `a,b,size\n${rows.join('')}`
}

function taskOf(classes: readonly string[]) {
  return resolveTask(
    taskFileSchema.parse({
      task: 'sizes',
      input: {
        type: 'table',
        columns: ['a', 'b'].map((name) => ({ name, type: 'number', mean: 1, deviation: 2 })),
      },
      output: { type: 'class', classes, column: 'size' },
      model: { layers: [{ layer: 'dense', units: classes.length }] },
    }),
  )
}
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tempered-python-'))
  await writeFile(join(folder, 'data.csv'), rowsOf(CLASSES))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** The trainer of an example on data.csv; to be closed. */
function openExample(
  script: string,
  python: string,
  of: ReturnType<typeof taskOf>,
  log: string[],
  more: readonly string[] = ['--label', 'size'],
) {
  const program = path(`examples/python/${script}`)
  return createProcessTrainer({
    command: ['env', `PYTHONPATH=${HELPER}`, python, program, 'data.csv', ...more],
    cwd: folder,
    task: of,
    nodeId: 0,
    seed: 1,
    onLog: (line) => log.push(line),
  })
}

describe.each([
  ['numpy_softmax.py', ['numpy']],
  ['pytorch_mlp.py', ['torch']],
  ['sklearn_sgd.py', ['numpy', 'sklearn']],
])('the example %s', (script, modules) => {
  const python = pythonWith(...modules)

  it.runIf(python).each([3, 2])('learns %d classes from a CSV file', async (count) => {
    const classes = CLASSES.slice(0, count)
    await writeFile(join(folder, 'data.csv'), rowsOf(classes))
    const log: string[] = []
    const own = taskOf(classes)
    const trainer = await openExample(script, python!, own, log)
    try {
      expect(trainer.data).toMatchObject({ samples: 48, testSamples: 12 })
      trainer.setParameters(new Float32Array(own.parameterCount))
      const request = { steps: 200, batchSize: 16, learningRate: 0.2, momentum: 0 }
      for (let round = 0; round < 3; round++) await trainer.train({ round, ...request })
      const { metrics } = await trainer.evaluate()
      expect(metrics.accuracy, log.join('\n')).toBeGreaterThan(0.8)
    } finally {
      await trainer.close()
    }
  })
})

const withSklearn = pythonWith('numpy', 'sklearn')
const anyPython = pythonWith()

it.runIf(withSklearn)(
  'scikit-learn gives two classes back as they came, and trains them as softmax',
  async () => {
    const classes = CLASSES.slice(0, 2)
    // Twenty equal rows: whichever are drawn, the step is known.
    await writeFile(join(folder, 'data.csv'), `a,b,size\n${'3,5,middle\n'.repeat(20)}`)
    const trainer = await openExample('sklearn_sgd.py', withSklearn!, taskOf(classes), [])
    try {
      const begun = Float32Array.of(0.5, -1, 0.25, 2, 0.125, -0.5)
      const out = new Float32Array(begun.length)
      const request = { round: 0, batchSize: 1, learningRate: 0.1, momentum: 0 }
      trainer.setParameters(begun)
      // A step that float32 does not see.
      await trainer.train({ ...request, steps: 1, learningRate: 1e-9 })
      expect(trainer.getParameters(out)).toEqual(begun)

      await trainer.train({ ...request, steps: 1 })
      const x = [1, 2, 1]
      const logit = (row: number): number =>
        [2 * row, 2 * row + 1, 4 + row].reduce((sum, at, k) => sum + begun[at]! * x[k]!, 0)
      const wrong = 1 / (1 + Math.exp(logit(1) - logit(0)))
      const expected = begun.map((value, at) => {
        const row = at < 4 ? Math.floor(at / 2) : at - 4
        return value + (row === 1 ? 1 : -1) * 0.1 * wrong * x[at < 4 ? at % 2 : 2]!
      })
      trainer.getParameters(out).forEach((value, at) => {
        expect(value, `parameter ${at}`).toBeCloseTo(expected[at]!, 6)
      })
    } finally {
      await trainer.close()
    }
  },
)

/** A table with a category column, and outputs of all kinds. */
function mixedTable(): string {
  const rows = Array.from({ length: 40 }, (_, k) => {
    const kind = k % 3
    const more = `${k % 2},${kind === 1 ? 1 : 0},${(k * k) % 17}`
    return `${kind + (k % 5) / 10},${['red', 'blue', 'green'][(k * 7) % 3]},${CLASSES[kind]},${more}\n`
  })
  return `a,colour,size,odd,middle,price\n${rows.join('')}`
}

const MIXED_INPUT = {
  type: 'table',
  columns: [
    { name: 'a', type: 'number', mean: 1, deviation: 2 },
    { name: 'colour', type: 'category', values: ['red', 'blue'], other: 'zero' },
  ],
} as const

const SIZES = { type: 'class', classes: CLASSES, column: 'size' } as const

function mixedTask(more: Record<string, unknown>) {
  const parsed = { task: 'mixed', input: MIXED_INPUT, output: SIZES, ...more }
  return resolveTask(taskFileSchema.parse(parsed as unknown as TaskFileInput))
}

const deep = (units: number, activation: string): unknown => ({
  layers: [
    { layer: 'dense', units: 6, activation, name: 'hidden' },
    { layer: 'layer-norm', epsilon: 1e-3 },
    { layer: 'activation', function: 'gelu' },
    { layer: 'dropout', rate: 0 },
    { layer: 'dense', units: 4, activation: 'silu', bias: false },
    { layer: 'group-norm', groups: 2 },
    { layer: 'dense', units },
  ],
})
const ALL_METRICS = ['accuracy', 'f1', 'auroc', 'loss']

/** All samples in each step, so that their order does not matter. */
const wholeRequest = {
  round: 0,
  steps: 5,
  batchSize: 32,
  learningRate: 0.05,
  momentum: 0.9,
  weightDecay: 0.1,
}

/** Trains and evaluates in the node's own engine and in the example: parameters and metrics must agree. */
async function expectSame(script: string, python: string, open: ReturnType<typeof taskOf>): Promise<void> {
  await writeFile(join(folder, 'data.csv'), mixedTable())
  const log: string[] = []
  const data = await loadData({ source: join(folder, 'data.csv') }, '', open)
  const indices = Uint32Array.from({ length: data.train.count }, (_, k) => k)
  const samples = { train: { ...data.train, indices }, test: data.test }
  const own = createTrainerFactory(createWasmEngine()).open({
    task: open.task,
    ...samples,
    nodeId: 0,
    seed: 1,
  })
  const other = await openExample(script, python, open, log, [])
  try {
    expect(other.data).toMatchObject({ samples: data.train.count, testSamples: data.test.count })
    const request = {
      ...wholeRequest,
      batchSize: data.train.count,
      logitAdjustment: open.task.loss === 'cross-entropy' ? 0.5 : 0,
    }
    const begin = initialTaskParameters(open, 3)
    const flats: Float32Array[] = []
    const scores: Record<string, number>[] = []
    for (const trainer of [own, other]) {
      trainer.setParameters(begin)
      await trainer.train(request)
      flats.push(trainer.getParameters(new Float32Array(begin.length)))
      const { loss, metrics } = await trainer.evaluate()
      scores.push({ ...metrics, loss })
    }
    const [mine, theirs] = flats as [Float32Array, Float32Array]
    expect(mine).not.toEqual(begin)
    for (const [k, value] of theirs.entries())
      expect(value, `parameter ${k}`).toBeCloseTo(mine[k] as number, 3)
    const [wanted, found] = scores as [Record<string, number>, Record<string, number>]
    for (const [name, value] of Object.entries(wanted)) expect(found[name], name).toBeCloseTo(value, 3)
  } finally {
    await other.close()
  }
}

const withTorch = pythonWith('torch')
const withNumpy = pythonWith('numpy')

describe.runIf(withTorch)('pytorch_mlp.py trains as the node itself', () => {
  const labels = { type: 'labels', columns: ['odd', 'middle'] }
  const number = { type: 'number', columns: [{ name: 'price', mean: 5, deviation: 4 }] }
  it.each([
    ['sgd', { model: deep(3, 'tanh'), metrics: ALL_METRICS }],
    ['adam', { model: deep(3, 'sigmoid'), optimiser: { kind: 'adam', beta1: 0.8 } }],
    // With a small epsilon, Adam magnifies the rounding of gradients that are zero.
    ['adamw', { model: deep(3, 'leaky-relu'), optimiser: { kind: 'adam', decoupled: true, epsilon: 1e-3 } }],
    ['tabular-mlp', { model: 'tabular-mlp' }],
    ['mlp', { model: 'mlp' }],
    ['labels', { model: deep(2, 'relu'), output: labels, metrics: ALL_METRICS }],
    ['number', { model: deep(1, 'linear'), output: number, metrics: ['mae', 'rmse', 'loss'] }],
    ['huber', { model: 'softmax', output: number, loss: 'huber' }],
  ])('%s', (_, more) => expectSame('pytorch_mlp.py', withTorch!, mixedTask(more)))
})

it.runIf(withNumpy)('numpy_softmax.py trains as the node itself', () =>
  expectSame(
    'numpy_softmax.py',
    withNumpy!,
    mixedTask({ model: { layers: [{ layer: 'dense', name: 'only', units: 3 }] } }),
  ),
)

describe.each([
  [
    'pytorch_mlp.py',
    withTorch,
    {
      model: {
        layers: [
          { layer: 'residual', layers: [{ layer: 'activation', function: 'relu' }] },
          { layer: 'dense', units: 3 },
        ],
      },
    },
    /layer 0 of the task is `residual`, which this example does not build; add it to build\(\)/,
  ],
  [
    'numpy_softmax.py',
    withNumpy,
    { model: 'mlp' },
    /one dense layer without activation.*has dense \(0\), dense \(1\), dense \(2\) for class/,
  ],
  [
    'numpy_softmax.py',
    withNumpy,
    { model: { layers: [{ layer: 'dense', units: 3, activation: 'relu' }] } },
    /without activation/,
  ],
  [
    'numpy_softmax.py',
    withNumpy,
    { model: 'softmax', optimiser: { kind: 'adam' } },
    /has the optimiser adam/,
  ],
  [
    'numpy_softmax.py',
    withNumpy,
    { model: 'softmax', metrics: ['f1'] },
    /does not measure `f1`.*put `accuracy` or `loss` first/,
  ],
  [
    'sklearn_sgd.py',
    withSklearn,
    { model: 'softmax', optimiser: { kind: 'adam' } },
    /has the optimiser adam/,
  ],
  ['sklearn_sgd.py', withSklearn, { model: 'mlp' }, /one dense layer without activation/],
] as const)('%s', (script, python, more, message) => {
  it.runIf(python)(`refuses at the start what it cannot do: ${message.source}`, async () => {
    await writeFile(join(folder, 'data.csv'), mixedTable())
    await expect(openExample(script, python!, mixedTask(more), [], [])).rejects.toMatchObject({
      code: 'E_TRAINER_FAILED',
      message: expect.stringMatching(message),
    })
  })
})

it.runIf(withNumpy).each([
  ['copied beside the script', 'tempered_trainer.py', []],
  [
    'in a folder named by a relative PYTHONPATH',
    'lib/tempered_trainer/__init__.py',
    ['env', 'PYTHONPATH=lib'],
  ],
])('the helper is found %s', async (_, place, before) => {
  await mkdir(join(folder, 'lib', 'tempered_trainer'), { recursive: true })
  await copyFile(join(HELPER, 'tempered_trainer', '__init__.py'), join(folder, place))
  await copyFile(path('examples/python/numpy_softmax.py'), join(folder, 'train.py'))
  const trainer = await createProcessTrainer({
    command: [...before, withNumpy!, 'train.py', 'data.csv'],
    cwd: folder,
    task: taskOf(CLASSES),
    nodeId: 0,
    seed: 1,
    onLog: () => undefined,
  })
  expect(trainer.data.samples).toBe(48)
  await trainer.close()
})

it.runIf(anyPython)('use_layout turns names of PyTorch into those of the task', () => {
  const code = `
import sys; sys.path.insert(0, sys.argv[1])
from tempered_trainer import Trainer
trainer = Trainer()
names = ["0.kernel", "0.bias", "norm.scale", "norm.shift", "own"]
trainer._wanted = [{"name": name, "shape": []} for name in names]
trainer.use_layout([("0.weight", (2, 3)), ("0.bias", (2,)), ("norm.weight", (2,)), ("norm.bias", (2,)), ("own", (1,))])
assert trainer.layout == [("0.kernel", (2, 3)), ("0.bias", (2,)), ("norm.scale", (2,)), ("norm.shift", (2,)), ("own", (1,))]
trainer.use_layout([("1.weight", (2, 3)), ("more.bias", (1,))])
assert trainer.layout == [("1.weight", (2, 3)), ("more.bias", (1,))]
`
  expect(spawnSync(anyPython!, ['-c', code, HELPER], { encoding: 'utf8' }).stderr).toBe('')
})
