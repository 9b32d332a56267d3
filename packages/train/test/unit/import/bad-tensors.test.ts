import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeNpz } from '../../../src/export/npz.js'
import { encodeSafetensors } from '../../../src/export/safetensors.js'
import { readModelParameters } from '../../../src/import/model-parameters.js'
import { resolveTask } from '../../../src/task/task.js'
import { taskFileSchema } from '../../../src/task/task-schema.js'
import { dense, input, output, refused, sequentialFile, write } from '../../support/bad-models.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tempered-bad-models-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('tensors of a file', () => {
  const open = resolveTask(
    taskFileSchema.parse({ task: 'own', input, output, model: { layers: [{ layer: 'dense', units: 2 }] } }),
  )
  const tensor = (name: string, shape: number[], first = 0) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1))
    data[0] = first
    return { name, shape, data }
  }
  const good = [tensor('0.weight', [2, 2]), tensor('0.bias', [2])]

  it.each([
    ['a tensor that is missing', good.slice(0, 1), /no tensor 0.bias \[2\].*it has 0.weight/],
    [
      'a tensor of another shape',
      [tensor('0.weight', [2, 3]), good[1]!],
      /0.weight is \[2, 3\], but the run's model has \[2, 2\]; name a model of the same layers and sizes/,
    ],
    [
      'a tensor of no layer',
      [...good, tensor('1.weight', [1])],
      /1.weight \[1\] is not one of the run's model/,
    ],
    ['NaN', [good[0]!, tensor('0.bias', [2], Number.NaN)], /0.bias \[2\] holds NaN/],
  ] as const)('%s, in both formats', async (_, tensors, message) => {
    const file = join(folder, 'own.safetensors')
    await writeFile(file, encodeSafetensors(tensors, {}))
    await expect(readModelParameters(file, open)).rejects.toThrow(refused(file, message))
    const packed = join(folder, 'own.npz')
    await writeFile(packed, await encodeNpz(tensors))
    await expect(readModelParameters(packed, open)).rejects.toThrow(refused(packed, message))
  })

  const encoded = Buffer.from(encodeSafetensors(good, {}))
  const header = (text: string) => {
    const head = Buffer.alloc(8)
    head.writeBigUInt64LE(BigInt(text.length))
    return Buffer.concat([head, Buffer.from(text)])
  }
  it.each<[string, Buffer, RegExp]>([
    ['empty', Buffer.alloc(0), /does not begin as/],
    ['a huge header', Buffer.from('ffffffffffffffff00', 'hex'), /does not begin as/],
    ['cut in its header', encoded.subarray(0, 20), /ends inside its header/],
    ['cut in its numbers', encoded.subarray(0, -1), /needs 8 bytes, but its place/],
    ['no JSON', header('hello'), /header is not JSON/],
    ['no object', header('[]'), /no JSON object/],
    [
      'an entry without a place',
      header('{"0.weight":{"dtype":"F32","shape":[2]}}'),
      /header entry is malformed/,
    ],
    ['whole numbers', header('{"0.weight":{"dtype":"I64","shape":[0],"data_offsets":[0,0]}}'), /type I64/],
    [
      'a place before the first',
      header('{"0.weight":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}'),
      /malformed/,
    ],
  ])('a safetensors file that is %s', async (_, bytes, message) => {
    const file = join(folder, 'bad.safetensors')
    await writeFile(file, bytes)
    await expect(readModelParameters(file, open)).rejects.toThrow(refused(file, message))
  })

  it.each<[string, RegExp]>([
    ['model.pt', /state_dict/],
    ['model.h5', /tensorflowjs_converter/],
    ['model', /read from .safetensors, .npz or model.json/],
  ])('a file called %s is not read', async (name, message) => {
    await expect(readModelParameters(join(folder, name), open)).rejects.toThrow(refused(name, message))
  })

  it('a model.json of another size is refused with both tensors', async () => {
    const path = await write(folder, sequentialFile([dense('first', 3)], dense('out', 2)))
    await expect(readModelParameters(path, open)).rejects.toThrow(
      refused(path, "tensor 0 is first.kernel [3, 2], but the run's model has 0.kernel [2, 2]"),
    )
  })
})
