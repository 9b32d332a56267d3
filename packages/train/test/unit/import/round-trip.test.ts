import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ExportFormat, exportModel } from '../../../src/export/export-model.js'
import { readTaskModel } from '../../../src/import/layers-model.js'
import { exportedModelIn, readModelParameters } from '../../../src/import/model-parameters.js'
import type { LayerInput } from '../../../src/task/layer-schema.js'
import { initialTaskParameters, type OpenTask, resolveTask } from '../../../src/task/task.js'
import { type TaskFileInput, taskFileSchema } from '../../../src/task/task-schema.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tempered-round-trip-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const task = (input: TaskFileInput['input'], model: TaskFileInput['model'], classes = 3): OpenTask =>
  resolveTask(taskFileSchema.parse({ task: 'own', input, output: { type: 'class', classes }, model }))
const steps = (...layers: LayerInput[]) => task({ type: 'tensor', shape: [6, 8] }, { layers })

/** Every layer; those below `tfjs` in both. */
const TFJS: Record<string, OpenTask> = {
  mlp: task({ type: 'image', shape: [5, 4, 1] }, 'mlp'),
  cnn: task({ type: 'image', shape: [28, 28, 1] }, 'cnn', 10),
  'lstm-text': task({ type: 'text', length: 7, unit: 'byte' }, 'lstm-text'),
  windows: task(
    { type: 'image', shape: [9, 8, 3] },
    {
      layers: [
        { layer: 'conv2d', filters: 5, kernel: [3, 2], stride: 2, padding: 'same', activation: 'silu' },
        { layer: 'depthwise-conv2d', kernel: 3, padding: 'same', multiplier: 2, bias: false },
        { layer: 'average-pool2d', size: 2, padding: 'same' },
        { layer: 'global-max-pool' },
        { layer: 'dense', units: 3, activation: 'sigmoid' },
        { layer: 'dropout', rate: 0.5 },
        { layer: 'dense', units: 3 },
      ],
    },
  ),
  'one dimension': steps(
    { layer: 'conv1d', name: 'first', filters: 6, kernel: 3, padding: 'same', activation: 'relu' },
    { layer: 'max-pool1d', size: 2 },
    { layer: 'layer-norm' },
    { layer: 'activation', function: 'tanh' },
    { layer: 'flatten' },
    { layer: 'dense', units: 3 },
  ),
}
const OTHERS: Record<string, OpenTask> = {
  resnet8: task({ type: 'image', shape: [32, 32, 3] }, 'resnet8'),
  'gru and norms': steps(
    { layer: 'gru', units: 5, output: 'all' },
    { layer: 'group-norm', groups: 5 },
    { layer: 'global-average-pool' },
    { layer: 'dense', units: 3 },
  ),
  attention: steps(
    { layer: 'position-embedding' },
    { layer: 'residual', layers: [{ layer: 'layer-norm' }, { layer: 'attention', heads: 2 }] },
    { layer: 'flatten' },
    { layer: 'dense', units: 3 },
  ),
  tensors: task(
    { type: 'tensor', shape: [4] },
    {
      tensors: [
        { name: 'w', shape: [3, 4] },
        { name: 'b', shape: [3] },
      ],
    },
  ),
}

/** Numbers that are all different, so that any that moved shows. */
const numbered = ({ parameterCount }: OpenTask) =>
  Float32Array.from({ length: parameterCount }, (_, k) => (k + 1) / 64)

async function exported(
  name: string,
  open: OpenTask,
  format: ExportFormat,
  flat: Float32Array,
): Promise<string> {
  const own = await mkdtemp(join(folder, 'case-'))
  for (const file of await exportModel(open, flat, format)) await writeFile(join(own, file.name), file.bytes)
  return (await exportedModelIn(own)) ?? `no model of ${name} in ${own}`
}

describe.each(Object.entries({ ...TFJS, ...OTHERS }))('%s', (name, open) => {
  it.each(['safetensors', 'npz'] as const)('comes back from %s bit for bit', async (format) => {
    const flat = numbered(open)
    const file = await exported(name, open, format, flat)
    expect(await readModelParameters(file, open)).toEqual(flat)
  })
})

describe.each(Object.entries(TFJS))('%s', (name, open) => {
  it('comes back from tfjs with the same tensors, operations and bits', async () => {
    const flat = initialTaskParameters(open, 3)
    const file = await exported(name, open, 'tfjs', flat)
    expect(await readModelParameters(file, open)).toEqual(flat)
    const { input, output } = open.task
    const written = taskFileSchema.parse({ task: 'own', input, output, model: { layersModel: file } })
    const { task: read } = await readTaskModel(written, folder)
    const again = resolveTask(read)
    expect(again.task.layout).toEqual(open.task.layout)
    expect(again.model?.operations).toEqual(open.model?.operations)
  })
})

it('a second bias of an LSTM is added to the first', async () => {
  const open = steps({ layer: 'lstm', units: 2 }, { layer: 'dense', units: 3 })
  const flat = numbered(open)
  const own = await mkdtemp(join(folder, 'lstm-'))
  const [{ bytes } = { bytes: Buffer.alloc(0) }] = await exportModel(open, flat, 'safetensors')
  const header = JSON.parse(
    Buffer.from(bytes).toString('utf8', 8, 8 + Number(Buffer.from(bytes).readBigUInt64LE(0))),
  )
  const [begin] = header['0.bias_hh_l0'].data_offsets as [number]
  const changed = Buffer.from(bytes)
  changed.writeFloatLE(0.25, 8 + Number(changed.readBigUInt64LE(0)) + begin)
  const file = join(own, 'model.safetensors')
  await writeFile(file, changed)
  const found = await readModelParameters(file, open)
  const at = open.model!.tensors.find(({ name }) => name === '0.bias')!.offset
  expect(found[at]).toBe(flat[at]! + 0.25)
  expect(found.filter((value, k) => value !== flat[k])).toHaveLength(1)
})
