import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { deflateRawSync } from 'node:zlib'
import { tarFiles } from '../../packages/train/src/data/fetch/tar.js'
import { decodeImage, imageSize } from '../../packages/train/src/data/formats/image-file.js'
import { openSource } from '../../packages/train/src/data/formats/open-source.js'
import { readIdxFile } from '../../packages/train/src/data/idx-file.js'
import { readLayersModel } from '../../packages/train/src/import/layers-model.js'
import { readSafetensors } from '../../packages/train/src/import/safetensors.js'
import { encodeFrameHead, FrameReader } from '../../packages/train/src/trainer/process/frames.js'
import { parseReply } from '../../packages/train/src/trainer/process/messages.js'
import { npy, zip } from '../../packages/train/test/support/bad-files.js'
import { mutateBytes } from '../engine/mutate-bytes.js'
import { mutateHeadedJson, mutateJson, mutateText } from '../engine/mutate-text.js'
import { oneOf } from '../engine/mutator.js'
import { bareError, endless, greedy, silent } from '../engine/plants.js'
import type { Random } from '../engine/random.js'
import { must, type Plant, type Target, type TargetEntry } from '../engine/target.js'
import { fileTarget } from './temporary-file.js'

const fixture = (name: string): Uint8Array =>
  new Uint8Array(
    readFileSync(fileURLToPath(new URL(`../../packages/train/test/fixtures/${name}`, import.meta.url))),
  )

/** Everything in a file of data, as training and `data inspect` read it. */
async function readAll(path: string): Promise<number> {
  const source = await openSource(path, '')
  let values = 0
  if (source.kind === 'rows')
    for await (const batch of source.rows(source.columns))
      for (const { cells } of batch) values += cells.length
  if (source.kind === 'arrays') values = (await source.train.inputs.load('float32')).length
  return values
}

const FORMAT: readonly Plant[] = [
  bareError('E_DATA_FORMAT'),
  silent('E_DATA_FORMAT'),
  greedy('E_DATA_FORMAT'),
]

/** A file of data; what is unpacked of one may be some megabytes. */
const data = (
  name: string,
  about: string,
  file: string,
  valid: (random: Random) => Uint8Array,
  mutate: Target['mutate'],
  plants: readonly Plant[] = FORMAT,
): TargetEntry => ({
  name,
  about,
  open: () =>
    fileTarget(file, {
      valid,
      mutate,
      read: readAll,
      holds: (value) => must(Number.isFinite(value), 'it is read to its end'),
      mostBytes: 64 * 1024 * 1024,
      plants,
    }),
})

const one = (...names: readonly string[]) => {
  const files = names.map(fixture)
  return (random: Random): Uint8Array => random.pick(files).slice()
}

const npyFile = (random: Random): Buffer =>
  npy(
    random.pick(['<f4', '<i4']),
    '2, 3',
    Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer),
    random.pick(['True', 'False']),
  )

/** CRC-32, which an archive has of its parts. */
function crcOf(bytes: Uint8Array): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}

/** An archive whose parts are changed before they are packed, with sums that fit. */
const mutateNpz: Target['mutate'] = (input, random, other) => {
  if (random.chance(0.5)) return mutateBytes(input, random, other)
  const parts = ['x.npy', 'y.npy'].map((name) => {
    const valid = npyFile(random)
    const bytes = Buffer.from(random.chance(0.7) ? mutateBytes(valid, random, () => valid) : valid)
    const method = random.pick([0, 8])
    const packed = method === 8 ? deflateRawSync(bytes) : bytes
    return {
      name,
      bytes: packed,
      crc: crcOf(bytes),
      length: bytes.length + (random.chance(0.1) ? random.pick([1, -1, 2 ** 31]) : 0),
      method,
    }
  })
  return zip(parts.map((part) => ({ ...part, length: Math.max(0, part.length) })))
}

/**
 * Only the end of a file, where its footer is, or a cut: the library that reads pages believes what they say of their own
 * length, so that a damaged one can keep it busy for minutes (docs/reliability.md).
 */
const mutateFooter: Target['mutate'] = (input, random, other) => {
  const { buffer, byteOffset, byteLength } = input
  if (byteLength < 12) return mutateBytes(input, random, other)
  const start = byteLength - 8 - new DataView(buffer, byteOffset).getUint32(byteLength - 8, true)
  if (start < 0 || random.chance(0.2)) return input.slice(0, random.below(byteLength))
  return Buffer.concat([
    input.subarray(0, start),
    mutateBytes(input.subarray(start), random, () => input.subarray(start)),
  ])
}

const safetensors = (random: Random): Uint8Array => {
  const dtype = random.pick(['F32', 'F16'])
  const bytes = dtype === 'F32' ? 24 : 12
  const json = Buffer.from(
    JSON.stringify({
      __metadata__: { format: 'pt' },
      w: { dtype, shape: [2, 3], data_offsets: [0, bytes] },
      b: { dtype, shape: [0], data_offsets: [bytes, bytes] },
    }),
  )
  const head = Buffer.alloc(8)
  head.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([head, json, Buffer.alloc(bytes)])
}

const REPLIES = [
  {
    type: 'hello',
    version: 1,
    layout: [{ name: 'w', shape: [2, 3] }],
    samples: 5,
    testSamples: 2,
    data: 'x',
  },
  { type: 'set' },
  { type: 'train', loss: 0.5, samples: 3 },
  { type: 'evaluate', loss: null, metrics: { accuracy: 0.5 }, samples: 3 },
  { type: 'losses', values: [1, null] },
  { type: 'error', message: 'no' },
]
const KINDS = ['hello', 'set', 'train', 'evaluate', 'losses', 'get', 'shutdown'] as const

const keras = (random: Random): Uint8Array =>
  Buffer.from(
    JSON.stringify({
      format: 'layers-model',
      generatedBy: 'keras',
      modelTopology: {
        class_name: 'Sequential',
        config: {
          name: 'm',
          layers: [
            { class_name: 'InputLayer', config: { name: 'in', batch_shape: [null, 8] } },
            ...(random.chance(0.5) ? [{ class_name: 'Dropout', config: { name: 'd', rate: 0.5 } }] : []),
            {
              class_name: 'Dense',
              config: { name: 'a', units: 4, activation: random.pick(['relu', 'tanh']), use_bias: true },
            },
            ...(random.chance(0.5)
              ? [{ class_name: 'LayerNormalization', config: { name: 'n', axis: -1, epsilon: 0.001 } }]
              : []),
            { class_name: 'Dense', config: { name: 'out', units: 2, activation: 'softmax', use_bias: true } },
          ],
        },
      },
      weightsManifest: [],
    }),
  )

export const TRAINING: readonly TargetEntry[] = [
  data(
    'csv',
    'tables of text (data/formats/csv.ts)',
    't.csv',
    (random) =>
      Buffer.from(
        `a,b,"c ""d"""\n${Array.from({ length: random.between(1, 8) }, (_, k) => `${k},"x\ny",${random.below(100) / 7}`).join('\n')}\n`,
      ),
    mutateText,
  ),
  data(
    'jsonl',
    'JSON lines (data/formats/jsonl.ts)',
    't.jsonl',
    (random) =>
      Buffer.from(
        Array.from({ length: random.between(1, 6) }, (_, k) =>
          JSON.stringify({ a: k, b: 'x', c: null }),
        ).join('\n'),
      ),
    mutateText,
  ),
  data(
    'parquet',
    'Parquet files (data/formats/parquet.ts)',
    't.parquet',
    one('pandas-none.parquet', 'pandas-snappy.parquet', 'pandas-gzip.parquet', 'groups.parquet'),
    mutateFooter,
  ),
  data(
    'npy',
    'arrays (data/formats/npy.ts, npy-header.ts)',
    't.npy',
    npyFile,
    oneOf([1, mutateBytes], [1, mutateText]),
  ),
  data('npz', 'archives of arrays (data/formats/npz.ts)', 't.npz', one('plain.npz', 'split.npz'), mutateNpz),
  {
    name: 'image',
    about: 'PNG and JPEG (data/formats/image-file.ts)',
    open: () => ({
      valid: one('alpha.png', 'grey.png', 'palette.png', 'rgb.png', 'grey16.png', 'grey.jpg', 'rgb.jpg'),
      mutate: mutateBytes,
      decode(input) {
        const bytes = Buffer.from(input)
        return { size: imageSize('x.png', bytes), image: decodeImage('x.png', bytes) }
      },
      holds(value) {
        const { size, image } = value as {
          size: ReturnType<typeof imageSize>
          image: ReturnType<typeof decodeImage>
        }
        must(size.width === image.width && size.height === image.height, 'it is as large as its head says')
      },
      mostBytes: 512 * 1024 * 1024,
      plants: [bareError('E_DATA_FORMAT'), endless('E_DATA_FORMAT')],
    }),
  },
  {
    name: 'idx',
    about: 'IDX files (data/idx-file.ts)',
    open: () =>
      fileTarget('x-idx1-ubyte', {
        valid: (random) => Buffer.concat([Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 6), random.bytes(6)]),
        mutate: mutateBytes,
        read: (path) => readIdxFile(path, 1),
        plants: [bareError('E_IDX_MAGIC'), silent('E_IDX_SIZE')],
      }),
  },
  {
    name: 'tar',
    about: 'archives of data sets that are fetched (data/fetch/tar.ts)',
    open: () => ({
      valid(random) {
        const body = Buffer.from(random.bytes(random.below(600)))
        const head = Buffer.alloc(512)
        head.write('folder/file.bin')
        head.write(body.length.toString(8).padStart(11, '0'), 124)
        head.write('0', 156)
        head.fill(' ', 148, 156)
        head.write(
          `${head
            .reduce((sum, byte) => sum + byte, 0)
            .toString(8)
            .padStart(6, '0')}\0`,
          148,
        )
        return Buffer.concat([
          head,
          body,
          Buffer.alloc((512 - (body.length % 512)) % 512),
          Buffer.alloc(1024),
        ])
      },
      mutate: mutateBytes,
      decode: (input) => [...tarFiles(Buffer.from(input), 'x.tar')].length,
      plants: [bareError('E_DATA_FORMAT'), endless('E_DATA_FORMAT')],
    }),
  },
  {
    name: 'safetensors',
    about: 'safetensors (import/safetensors.ts)',
    open: () =>
      fileTarget('m.safetensors', {
        valid: safetensors,
        mutate: mutateHeadedJson(
          (input) => {
            const { buffer, byteOffset, byteLength } = input
            const length = byteLength < 8 ? 0n : new DataView(buffer, byteOffset).getBigUint64(0, true)
            return { start: 8, end: 8 + Number(length) }
          },
          (input, length) => void input.writeBigUInt64LE(BigInt(length)),
        ),
        read: (path) => readSafetensors(path),
        holds(value, input) {
          for (const { shape, data: numbers } of (
            value as Awaited<ReturnType<typeof readSafetensors>>
          ).values()) {
            must(shape.reduce((a, b) => a * b, 1) === numbers.length, 'as many numbers as the shape says')
            must(
              numbers.every(Number.isFinite) && 2 * numbers.length <= input.byteLength,
              'finite numbers of the file',
            )
          }
        },
        plants: [bareError('E_IMPORT'), silent('E_IMPORT'), greedy('E_IMPORT')],
      }),
  },
  {
    name: 'keras',
    about: 'model.json of Keras (import/layers-model.ts)',
    open: () =>
      fileTarget('model.json', {
        valid: keras,
        mutate: mutateJson,
        read: (path) =>
          readLayersModel(path, {
            input: { type: 'tensor', shape: [8] },
            output: { type: 'class', classes: 2 },
          } as never),
        plants: [bareError('E_IMPORT'), silent('E_IMPORT')],
      }),
  },
  {
    name: 'trainer-frames',
    about: 'frames of trainer processes (trainer/process/frames.ts, messages.ts)',
    open: () => ({
      valid: (random) => {
        const reply = random.pick(REPLIES)
        const tensors = Buffer.alloc(random.pick([0, 8]))
        return Buffer.concat([encodeFrameHead(reply, tensors.length), tensors])
      },
      mutate: mutateHeadedJson(
        (input) => ({
          start: 8,
          end: input.byteLength < 8 ? 0 : 8 + new DataView(input.buffer, input.byteOffset).getUint32(0, true),
        }),
        (input, length) => void input.writeUInt32LE(length),
      ),
      decode(input) {
        const reader = new FrameReader(64)
        const frames = [...reader.push(input.subarray(0, 5)), ...reader.push(input.subarray(5))]
        for (const { message } of frames) {
          const type = KINDS.find((kind) => (message as { type?: unknown } | null)?.type === kind) ?? 'hello'
          if ((message as { type?: unknown } | null)?.type !== 'error') parseReply(type, message)
        }
        return frames
      },
      holds: (value) =>
        must(
          (value as { tensor: Float32Array }[]).every(({ tensor }) => tensor.byteLength <= 64),
          'no more tensor bytes than asked for',
        ),
      mostBytes: 2 * 1024 * 1024,
      plants: [bareError('E_TRAINER_PROTOCOL'), endless('E_TRAINER_PROTOCOL'), greedy('E_TRAINER_LAYOUT')],
    }),
  },
]
