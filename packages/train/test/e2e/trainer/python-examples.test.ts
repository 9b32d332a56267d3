import { spawnSync } from 'node:child_process'
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

/** Three classes on a line: a + b tells them apart. */
const rows = Array.from({ length: 60 }, (_, k) => {
  const kind = k % 3
  return `${2 * kind + (k % 5) / 10},${kind - (k % 7) / 20},${['low', 'middle', 'high'][kind]}`
})
const task = resolveTask(
  taskFileSchema.parse({
    task: 'sizes',
    input: {
      type: 'table',
      columns: ['a', 'b'].map((name) => ({ name, type: 'number', mean: 1, deviation: 2 })),
    },
    output: { type: 'class', classes: ['low', 'middle', 'high'], column: 'size' },
    model: { layers: [{ layer: 'dense', units: 3 }] },
  }),
)

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tempered-python-'))
  await writeFile(join(folder, 'data.csv'), `a,b,size\n${rows.join('\n')}\n`)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe.each([
  ['numpy_softmax.py', ['numpy']],
  ['pytorch_mlp.py', ['torch']],
  ['sklearn_sgd.py', ['numpy', 'sklearn']],
])('the example %s', (script, modules) => {
  const python = pythonWith(...modules)

  it.runIf(python)('learns from a CSV file', async () => {
    const log: string[] = []
    const trainer = await createProcessTrainer({
      command: [
        'env',
        `PYTHONPATH=${HELPER}`,
        python!,
        path(`examples/python/${script}`),
        'data.csv',
        '--label',
        'size',
      ],
      cwd: folder,
      task,
      nodeId: 0,
      seed: 1,
      onLog: (line) => log.push(line),
    })
    try {
      expect(trainer.data).toMatchObject({ samples: 48, testSamples: 12 })
      trainer.setParameters(new Float32Array(task.parameterCount))
      const request = { steps: 200, batchSize: 16, learningRate: 0.2, momentum: 0 }
      for (let round = 0; round < 3; round++) await trainer.train({ round, ...request })
      const { metrics } = await trainer.evaluate()
      expect(metrics.accuracy, log.join('\n')).toBeGreaterThan(0.8)
    } finally {
      await trainer.close()
    }
  })
})

const anyPython = pythonWith()

describe.runIf(anyPython)('read_table of tempered_trainer', () => {
  it.each([
    ['a,b,size\n1,2,low\n3,x,high\n', /data\.csv:3: 'x' in column b is not a number/],
    ['a,b,size\n1,2,low\n3\n', /data\.csv:3: None in column b is not a number/],
    ['a,size\n1,low\n', /data\.csv: there is no column b/],
    ['a,b\n1,2\n', /data\.csv: there is no column size/],
    ['a,b,size\n1,2,huge\n', /data\.csv:2: 'huge' is not a class of the task/],
  ])('refuses %j', async (text, message) => {
    await writeFile(join(folder, 'data.csv'), text)
    const code = `import json, sys; sys.path.insert(0, sys.argv[1]); from tempered_trainer import read_table; read_table("data.csv", json.loads(sys.argv[2]), "size")`
    const { status, stderr } = spawnSync(anyPython!, ['-c', code, HELPER, JSON.stringify(task.task)], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(status).not.toBe(0)
    expect(stderr).toMatch(message)
  })
})
