import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pythonWith } from '../../../../../test-support/python.js'
import { resolveTask } from '../../../src/task/task.js'
import { taskFileSchema } from '../../../src/task/task-schema.js'
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
const task = taskOf(CLASSES)

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tempered-python-'))
  await writeFile(join(folder, 'data.csv'), rowsOf(CLASSES))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** The trainer of an example on data.csv; to be closed. */
function openExample(script: string, python: string, of: ReturnType<typeof taskOf>, log: string[]) {
  const program = path(`examples/python/${script}`)
  return createProcessTrainer({
    command: ['env', `PYTHONPATH=${HELPER}`, python, program, 'data.csv', '--label', 'size'],
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
