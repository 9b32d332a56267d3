import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readTaskModel } from '../../../src/import/layers-model.js'
import { type TaskFileInput, taskFileSchema } from '../../../src/task/task-schema.js'
import {
  called,
  changed,
  dense,
  entry,
  functionalFile,
  group,
  input,
  type Layer,
  layer,
  output,
  read,
  refused,
  sequentialFile,
  write,
} from '../../support/bad-models.js'
import type { KerasFile } from '../../support/keras-files.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tempered-bad-models-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it('the model that the cases change is read', async () => {
  expect([...(await read(await write(folder, sequentialFile())))]).toEqual([1, 3, 2, 4, 5, 6])
})

it('weights are found by their names, in any order and in several shards', async () => {
  const file = changed((own) => {
    group(own).weights.reverse()
    group(own).paths = ['a.bin', 'b.bin']
  })
  const bytes = Buffer.from(Float32Array.of(5, 6, 1, 2, 3, 4).buffer)
  const path = await write(folder, file, { 'a.bin': bytes.subarray(0, 7), 'b.bin': bytes.subarray(7) })
  expect([...(await read(path))]).toEqual([1, 3, 2, 4, 5, 6])
})

it('a file without weights gives layers alone', async () => {
  const path = await write(
    folder,
    changed((file) => {
      file.json.weightsManifest = []
    }),
  )
  const written = taskFileSchema.parse({ task: 'own', input, output, model: { layersModel: path } })
  expect(await readTaskModel(written, '/')).toMatchObject({
    initial: undefined,
    task: { model: { layers: [{ layer: 'dense', name: 'out', units: 2 }] } },
  })
})

describe('layers that a task cannot express are named, with what to do', () => {
  it.each<[string, Layer, RegExp]>([
    ['batch normalisation', layer('BatchNormalization'), /cannot share.*GroupNormalization/],
    ['code', layer('Lambda'), /code of its own/],
    ['an unknown one', layer('Conv3D'), /known are Dense/],
    ['a model', { class_name: 'Sequential', config: { name: 'mine', layers: [] } }, /inside of a model/],
    ['an activation', layer('Activation', { activation: 'mish' }), /activation mish is none of/],
    ['a softmax in the middle', layer('Softmax'), /only possible at the end/],
    ['a capped ReLU', layer('ReLU', { max_value: 6 }), /maximum/],
    ['a leak', layer('LeakyReLU', { alpha: 0.3 }), /slope below zero is 0.3/],
    [
      'gaps in a window',
      layer('Conv2D', { filters: 1, kernel_size: [2, 2], dilation_rate: [2, 2] }),
      /dilation_rate/,
    ],
    ['groups', layer('Conv2D', { filters: 2, kernel_size: 2, groups: 2 }), /groups is 2/],
    [
      'causal padding',
      layer('Conv1D', { filters: 1, kernel_size: [2], padding: 'causal' }),
      /padding is causal/,
    ],
    [
      'channels first',
      layer('Conv2D', { filters: 1, kernel_size: 1, data_format: 'channels_first' }),
      /channels_last/,
    ],
    ['no size', layer('Dense', {}), /its units is undefined/],
    ['a half size', layer('Dense', { units: 2.5 }), /its units is 2.5/],
    [
      'a hard sigmoid',
      layer('LSTM', { units: 2, recurrent_activation: 'hard_sigmoid' }),
      /recurrent_activation.*"sigmoid"/,
    ],
    ['a reversed LSTM', layer('LSTM', { units: 2, go_backwards: true }), /go_backwards/],
    ['an old GRU', layer('GRU', { units: 2 }), /reset_after/],
    ['a mask', layer('Embedding', { input_dim: 4, output_dim: 2, mask_zero: true }), /mask_zero/],
    ['a norm without scale', layer('LayerNormalization', { scale: false }), /scale: false/],
    ['a norm of another axis', layer('LayerNormalization', { axis: [1, 2] }), /axis is \[1,2\]/],
    ['a rate', layer('Dropout', { rate: 1 }), /its rate is 1/],
  ])('%s', async (_, one, message) => {
    const path = await write(folder, sequentialFile([one]))
    await expect(read(path)).rejects.toThrow(refused(path, `layer mine (${one.class_name}): `, message))
  })

  it.each<[string, string, TaskFileInput['output'], RegExp]>([
    ['softmax', 'labels', { type: 'labels', columns: ['a', 'b'] }, /use output class/],
    ['softmax', 'number', { type: 'number', columns: [{ name: 'a' }, { name: 'b' }] }, /use output class/],
    ['sigmoid', 'class', output, /use output labels/],
  ])('a last %s with output %s', async (activation, _, to, message) => {
    const path = await write(folder, sequentialFile([], dense('out', 2, { activation })))
    await expect(read(path, input, to)).rejects.toThrow(refused(path, 'layer out (Dense)', message))
  })

  it('shapes that do not fit are reported with the layer', async () => {
    const path = await write(folder, sequentialFile([layer('MaxPooling2D', { pool_size: 2 })]))
    await expect(read(path)).rejects.toThrow(
      refused(path, 'layer mine (max-pool2d): needs an input [height, width'),
    )
  })
})

describe('graphs', () => {
  const sum = layer('Add')
  it.each<[string, KerasFile, RegExp]>([
    [
      'a branch that is concatenated',
      functionalFile([entry, called('a', dense('a'), 'in'), called('out', layer('Concatenate'), 'in', 'a')]),
      /out \(Concatenate\) takes 2 inputs.*Add of two/,
    ],
    [
      'three branches',
      functionalFile([entry, called('a', dense('a'), 'in'), called('out', sum, 'in', 'a', 'a')]),
      /takes 3 inputs/,
    ],
    [
      'a layer used twice',
      functionalFile([
        entry,
        { ...called('out', dense('out')), inbound_nodes: [[['in', 0, 0, {}]], [['out', 0, 0, {}]]] },
      ]),
      /used 2 times/,
    ],
    [
      'a layer of no use',
      functionalFile([entry, called('out', dense('out'), 'in'), called('other', dense('other'), 'in')]),
      /other does not lead/,
    ],
    [
      'a circle',
      functionalFile([entry, called('a', dense('a'), 'out'), called('out', dense('out'), 'a')]),
      /branch at/,
    ],
    [
      'a circle through a sum',
      functionalFile([entry, called('a', dense('a'), 'out'), called('out', sum, 'in', 'a')]),
      /branch at/,
    ],
    [
      'crossing branches',
      functionalFile([
        entry,
        called('a', dense('a'), 'in'),
        called('b', dense('b'), 'a'),
        called('c', sum, 'in', 'b'),
        called('out', sum, 'c', 'a'),
      ]),
      /branch at/,
    ],
    [
      'a value added to itself',
      functionalFile([entry, called('a', dense('a'), 'in'), called('out', sum, 'a', 'a')]),
      /adds a value to itself/,
    ],
    [
      'a name of no layer',
      functionalFile([entry, called('out', dense('out'), 'gone')]),
      /gone, which is no layer/,
    ],
    [
      'two outputs',
      functionalFile([entry, called('out', dense('out'), 'in')], 'out', {
        output_layers: [
          ['out', 0, 0],
          ['in', 0, 0],
        ],
      }),
      /2 outputs/,
    ],
    [
      'no input',
      functionalFile([entry, called('out', dense('out'), 'in')], 'out', { input_layers: [] }),
      /0 inputs/,
    ],
  ])('%s', async (_, file, message) => {
    const path = await write(folder, file)
    await expect(read(path)).rejects.toThrow(refused(path, message))
  })
})

describe('files', () => {
  it.each<[string, (file: KerasFile) => void, RegExp]>([
    [
      'a graph model',
      (file) => {
        file.json.format = 'graph-model'
      },
      /graph model.*tfjs_layers_model/,
    ],
    [
      'no topology',
      (file) => {
        file.json.modelTopology = {}
      },
      /no modelTopology/,
    ],
    [
      'another class',
      (file) => {
        file.json.modelTopology = { class_name: 'MyModel', config: {} }
      },
      /class MyModel/,
    ],
    [
      'no layers',
      (file) => {
        file.json.modelTopology = { class_name: 'Sequential', config: [] }
      },
      /lists no layers/,
    ],
    [
      'a layer without a configuration',
      (file) => {
        file.json.modelTopology = { class_name: 'Sequential', config: [{ class_name: 'Dense' }] }
      },
      /no config/,
    ],
    [
      'too many layers',
      (file) => {
        file.json.modelTopology = {
          class_name: 'Sequential',
          config: Array.from({ length: 1001 }, (_, k) => dense(`l${k}`)),
        }
      },
      /1001 layers/,
    ],
    [
      'two layers of one name',
      (file) => {
        file.json.modelTopology = { class_name: 'Sequential', config: [dense('out'), dense('out')] }
      },
      /two layers called out/,
    ],
    [
      'a shard outside',
      (file) => {
        group(file).paths = ['../weights.bin']
      },
      /outside of its folder/,
    ],
    [
      'a shard by its whole path',
      (file) => {
        group(file).paths = ['/etc/passwd']
      },
      /outside of its folder/,
    ],
    [
      'a missing shard',
      (file) => void group(file).paths.push('more.bin'),
      /more.bin \(a shard of .*no such file/,
    ],
    [
      'no shard',
      (file) => {
        group(file).paths = []
      },
      /24 bytes, but no shard have 0/,
    ],
    [
      'a list that is none',
      (file) => {
        file.json.weightsManifest = [{}] as never
      },
      /weightsManifest.0.paths/,
    ],
    [
      'weights of another type',
      (file) => {
        group(file).weights[0]!.dtype = 'int32'
      },
      /out\/kernel is int32/,
    ],
    [
      'an unknown quantisation',
      (file) => {
        group(file).weights[0]!.quantization = { dtype: 'int4' }
      },
      /quantization.dtype/,
    ],
    [
      'a quantisation without scale',
      (file) => {
        group(file).weights[0]!.quantization = { dtype: 'uint8' }
        file.weights = file.weights.subarray(0, 12)
      },
      /without scale/,
    ],
    [
      'a huge weight',
      (file) => {
        group(file).weights[0]!.shape = [1e6, 1e6]
      },
      /above the 500000000/,
    ],
    [
      'a weight of another shape',
      (file) => {
        group(file).weights[0]!.shape = [4, 1]
      },
      /out\/kernel is \[4, 1\], but its layer needs \[2, 2\]/,
    ],
    [
      'a weight of another name',
      (file) => {
        group(file).weights[0]!.name = 'other/kernel'
      },
      /no out\/kernel; they are other\/kernel, out\/bias/,
    ],
    [
      'a weight twice',
      (file) => {
        group(file).weights[0]!.name = 'out/bias'
      },
      /out\/bias twice/,
    ],
    [
      'NaN',
      (file) => void file.weights.writeFloatLE(Number.NaN, 4),
      /out\/kernel \[2, 2\] holds NaN at element 1/,
    ],
    [
      'an infinity',
      (file) => void file.weights.writeFloatLE(Number.POSITIVE_INFINITY, 20),
      /out\/bias \[2\] holds Infinity/,
    ],
    [
      'a truncated shard',
      (file) => {
        file.weights = file.weights.subarray(0, 23)
      },
      /need 24 bytes, but weights.bin has 23/,
    ],
    [
      'a shard that is too long',
      (file) => {
        file.weights = Buffer.concat([file.weights, file.weights])
      },
      /has 48/,
    ],
    [
      'a weight of no layer',
      (file) => {
        group(file).weights.push({ name: 'gone/kernel', shape: [1], dtype: 'float32' })
        file.weights = Buffer.concat([file.weights, Buffer.alloc(4)])
      },
      /gone\/kernel \[1\] belongs to no layer/,
    ],
  ])('%s', async (_, change, message) => {
    const path = await write(folder, changed(change))
    await expect(read(path)).rejects.toThrow(refused(path.replace('/model.json', ''), message))
  })

  it('another input than that of the task', async () => {
    const path = await write(folder, sequentialFile())
    await expect(read(path, { type: 'tensor', shape: [3] })).rejects.toThrow(
      refused(path, 'takes samples of [2], but the input of the task has [3]'),
    )
  })

  it.each<[string, string, RegExp]>([
    ['text', 'layers: 3', /is not JSON/],
    ['an empty file', '', /is not JSON/],
    ['a list', '[]', /is not the model.json/],
  ])('%s', async (_, text, message) => {
    const path = join(folder, 'text.json')
    await writeFile(path, text)
    await expect(read(path)).rejects.toThrow(refused(path, message))
  })

  it('a folder, and a file that is not there', async () => {
    await expect(read(folder)).rejects.toThrow(refused(folder, 'this is a folder'))
    const gone = join(folder, 'gone.json')
    await expect(read(gone)).rejects.toThrow(refused(gone, 'no such file'))
  })
})
