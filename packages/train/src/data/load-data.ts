/** From the name of a data source to samples that a task takes. */

import { basename } from 'node:path'
import { classNamesOf, type OpenTask } from '../task/task.js'
import { DataError } from './data-error.js'
import { type DataSource, type Dataset, inMemory } from './dataset.js'
import { encodeArrays } from './encode/encode-arrays.js'
import { encodeRows } from './encode/encode-rows.js'
import { type Encoded, shareTest, toDataset } from './encode/encoded.js'
import { createSampleSpace, type SampleSpace } from './encode/sample-space.js'
import { DEFAULT_TEST_SHARE } from './encode/test-share.js'
import { cacheFile, cacheReason, keepEncoded, readEncoded, writeEncoded } from './encoded-cache.js'
import { EMBEDDED, openSource } from './formats/open-source.js'
import type { RawSource, ReadOptions } from './formats/raw.js'
import { packedFault } from './formats/text-stream.js'
import { bytesText, memoryBytes } from './memory-budget.js'
import type { FileRows } from './row-file.js'

/** Of the number of a sample, where samples are dealt to training and test. */
const ORDER_BYTES = 4

/** Where samples come from. */
export interface SourceSpec {
  /** `mnist` for the embedded digits, or a file or folder in any of the formats of docs/data.md. */
  readonly source: string
  /**
   * Test samples: a file or folder like the source, or a share of its training samples, in (0, 1). Default: the source's
   * own test samples, otherwise a fifth of its samples.
   */
  readonly test?: string | number | undefined
  /** Number of classes of images, where the source does not say it. */
  readonly classes?: number | undefined
  /**
   * The most memory that its samples may take, e.g. `512MB`; inputs beyond are read from a file in the cache folder.
   * Default: the environment variable TEMPERED_DATA_MEMORY, else 2 GiB.
   */
  readonly memory?: string | undefined
}

/**
 * Loads a source as numbers. What takes long to parse, and what does not fit into memory, is kept in `cacheFolder` (if
 * that is empty, the latter in a temporary file). Without a task it must be a set of images with labels. Throws
 * DataError; E_DATA_MISMATCH when the task does not take it, E_DATA_DISK when samples cannot be written to the folder.
 */
export async function loadData(spec: SourceSpec, cacheFolder: string, open?: OpenTask): Promise<DataSource> {
  const { source, test, classes } = spec
  const memory = memoryBytes(spec.memory)
  const key = { source, test, classes, open }
  const cachePath = async (): Promise<string | undefined> =>
    cacheFolder === '' || source === EMBEDDED ? undefined : cacheFile(cacheFolder, key)
  const reason = await cacheReason(key, memory)
  const file = reason === undefined ? undefined : await cachePath()
  const cached = file === undefined ? undefined : await readEncoded(file, memory)
  if (cached !== undefined) return withDiskNotice(cached, memory)
  const space = createSampleSpace(memory, cacheFolder)
  try {
    const loaded = await loadAnew(spec, cacheFolder, open, space)
    if (space.file !== undefined) {
      const path = file ?? (await cachePath())
      const kept = await keepEncoded(space.file, loaded, cacheFolder, path, memory)
      // What fits after all is read back, as it would be at the next start.
      const isSmall = path !== undefined && bytesOf([kept.train, kept.test]) <= memory
      return withDiskNotice((isSmall ? await readEncoded(path, memory) : undefined) ?? kept, memory)
    }
    if (file === undefined || reason !== 'slow') return loaded
    const failure = await writeEncoded(file, cacheFolder, loaded)
    return failure === undefined ? loaded : withNotice(loaded, `${source}: ${failure}`)
  } catch (error) {
    await space.file?.abandon()
    throw await packedFault(error)
  }
}

/** Says which samples are read from disk. */
function withDiskNotice(source: DataSource, memory: number): DataSource {
  const notice = diskNotice([source.train, source.test], memory)
  return notice === undefined ? source : withNotice(source, notice)
}

function withNotice(source: DataSource, notice: string): DataSource {
  return { ...source, notices: [...(source.notices ?? []), notice] }
}

/** Bytes of samples with their targets and order: the same whichever of them fit into memory at this start. */
function bytesOf(parts: readonly Dataset[]): number {
  return parts.reduce(
    (sum, { inputs, targets, count }) => sum + inputs.byteLength + targets.byteLength + ORDER_BYTES * count,
    0,
  )
}

function diskNotice(parts: readonly Dataset[], memory: number): string | undefined {
  const file = parts.map(({ inputs }) => inputs).find((inputs): inputs is FileRows => !inMemory(inputs))
  if (file === undefined) return undefined
  const bytes = bytesOf(parts)
  const texts = [bytes, memory].map(bytesText)
  const [took, allowed] =
    texts[0] === texts[1] ? [bytes, memory].map((count) => `${count.toLocaleString('en')} bytes`) : texts
  // Room for samples that are yet to be read is taken ahead.
  const more = bytes > memory ? 'more' : 'and while they are read more'
  return (
    `samples take ${took} with their targets and order, ${more} than the ${allowed} that data.memory allows: their ` +
    `inputs are read from disk (${file.path})`
  )
}

async function loadAnew(
  spec: SourceSpec,
  cacheFolder: string,
  open: OpenTask | undefined,
  space: SampleSpace,
): Promise<DataSource> {
  const options = readOptions(spec, open, space.limit)
  const raw = await openSource(spec.source, cacheFolder, options)
  const ready = imagesAsTheyAre(spec, raw, open)
  if (ready !== undefined) return ready

  const notices: string[] = []
  const train = await encodePart(raw, 'train', open, notices, space)
  const { test } = spec
  if (typeof test === 'string') {
    const other = await openSource(test, cacheFolder, options)
    const part = await encodePart(other, hasTest(other) ? 'test' : 'train', open, notices, space)
    return joined(spec, await toDataset(train), await toDataset(part), [...notesOf(raw), ...notices])
  }
  if (test === undefined && hasTest(raw)) {
    const part = await encodePart(raw, 'test', open, notices, space)
    return joined(spec, await toDataset(train), await toDataset(part), [...notesOf(raw), ...notices])
  }
  if (typeof test === 'number' && hasTest(raw))
    notices.push(
      `${spec.source}: its own test samples are left out, since the run asks for a share of the others`,
    )
  const share = test ?? DEFAULT_TEST_SHARE
  const { train: own, test: drawn } = await shareTest(train, share)
  if (test === undefined && own.count > 0)
    notices.push(
      `${spec.source} has no test samples: ${drawn.count} of its ${own.count + drawn.count} are kept for tests`,
    )
  return joined(spec, own, drawn, [...notesOf(raw), ...notices])
}

/** What the reader has to say, once it has read everything. */
function notesOf(raw: RawSource): readonly string[] {
  return raw.kind === 'arrays' ? (raw.notices ?? []) : []
}

/** Samples to measure a model on. */
export interface Measured {
  readonly samples: Dataset
  readonly notices: readonly string[]
  /** Where they come from: the file or folder, and what of it they are. */
  readonly source: string
  readonly part: 'all' | 'its own test samples' | 'a share'
}

/**
 * What a model is measured on: the test samples of `test`, or of `source` where it is not named; all samples of a
 * source that has no test samples of its own. Only a share as `test` is drawn as nodes draw theirs. Throws DataError;
 * E_DATA_EMPTY when there is no sample.
 */
export async function loadMeasured(spec: SourceSpec, cacheFolder: string, open: OpenTask): Promise<Measured> {
  const { source, test } = spec
  const named = typeof test === 'string' ? test : source
  const found = await measuredPart(spec, named, cacheFolder, open)
  if (found.samples.count === 0)
    throw new DataError('E_DATA_EMPTY', 'has no sample to measure a model on; name other data', {
      file: named,
    })
  return found
}

async function measuredPart(
  spec: SourceSpec,
  source: string,
  cacheFolder: string,
  open: OpenTask,
): Promise<Measured> {
  const isShare = typeof spec.test === 'number'
  const raw = isShare
    ? undefined
    : await openSource(source, cacheFolder, readOptions({ source }, open, memoryBytes(spec.memory)))
  if (raw !== undefined && !hasTest(raw)) {
    const notices: string[] = []
    const samples = await loadSamples(source, cacheFolder, open, notices, { targets: true })
    return { samples, notices, source, part: 'all' }
  }
  const { test: samples, notices = [] } = await loadData(
    isShare ? spec : { ...spec, source, test: undefined },
    cacheFolder,
    open,
  )
  return { samples, notices, source, part: isShare ? 'a share' : 'its own test samples' }
}

/** Where each sample of a table or text comes from: the line of its file, counted from 1, or the row of a Parquet file. */
export interface SamplePlaces {
  readonly places?: { readonly of: 'line' | 'row'; readonly numbers: ArrayLike<number> }
}

/**
 * Loads all samples of a source as inputs of a task, for predictions; columns and arrays of targets may be missing in
 * tables unless `targets` are wanted. `notices` gets what should be said. Throws DataError.
 */
export async function loadSamples(
  source: string,
  cacheFolder: string,
  open: OpenTask,
  notices: string[] = [],
  { targets = false }: { readonly targets?: boolean } = {},
): Promise<Dataset & SamplePlaces> {
  const memory = memoryBytes()
  const space = createSampleSpace(memory, cacheFolder)
  try {
    const raw = await openSource(source, cacheFolder, readOptions({ source }, open, memory))
    const encoded =
      raw.kind === 'arrays'
        ? await encodePart(raw, 'train', open, notices, space)
        : await encodeRows(raw.kind === 'rows' ? raw : raw.train, open, notices, space, {
            inputsOnly: !targets,
          })
    const places = targets ? {} : placesOf(raw, encoded)
    const samples = await toDataset(encoded)
    if (space.file === undefined) return { ...samples, ...places }
    const kept = await keepEncoded(
      space.file,
      { train: samples, test: samples },
      cacheFolder,
      undefined,
      memory,
    )
    notices.push(diskNotice([kept.train], memory) as string)
    return { ...kept.train, ...places }
  } catch (error) {
    await space.file?.abandon()
    throw await packedFault(error)
  }
}

function placesOf(raw: RawSource, { rows }: Encoded): SamplePlaces {
  if (raw.kind === 'arrays' || rows === undefined) return {}
  const { format } = raw.kind === 'rows' ? raw : raw.train
  return { places: { of: format === 'parquet' ? 'row' : 'line', numbers: rows } }
}

function readOptions(spec: SourceSpec, open: OpenTask | undefined, mostBytes: number): ReadOptions {
  if (open === undefined) return { classes: spec.classes, mostBytes }
  const { input, output } = open.task
  const named = output.type === 'class' && typeof output.classes !== 'number'
  return {
    mostBytes,
    input: input.type,
    imageShape: input.type === 'image' ? input.shape : undefined,
    classes: output.type === 'class' ? open.outputs : spec.classes,
    classNames: named ? classNamesOf(open.task) : undefined,
  }
}

function hasTest(raw: RawSource): boolean {
  return raw.kind === 'row-pair' || (raw.kind === 'arrays' && raw.test !== undefined)
}

async function encodePart(
  raw: RawSource,
  part: 'train' | 'test',
  open: OpenTask | undefined,
  notices: string[],
  space: SampleSpace,
): Promise<Encoded> {
  if (raw.kind === 'arrays') {
    const array = part === 'test' ? (raw.test ?? raw.train) : raw.train
    return encodeArrays(raw, array, raw.name ?? basename(raw.file), open, space)
  }
  if (open === undefined)
    throw new DataError(
      'E_DATA_MISMATCH',
      `is a table, and only a task says what its columns mean; write one with tempered task init --data ${raw.file} --target <column>`,
      { file: raw.file },
    )
  return encodeRows(raw.kind === 'rows' ? raw : raw[part], open, notices, space)
}

/** Checks both parts against each other. */
function joined(
  { source }: SourceSpec,
  train: Dataset,
  test: Dataset,
  notices: readonly string[],
): DataSource {
  if (train.shape.join() !== test.shape.join())
    throw new DataError(
      'E_DATA_MISMATCH',
      `has training samples of ${train.shape.join('×')}, but test samples of ${test.shape.join('×')}`,
      { file: source },
    )
  return notices.length === 0 ? { train, test } : { train, test, notices }
}

/** The embedded digits and IDX files, which are images in memory already, where the run takes them as they are. */
function imagesAsTheyAre(
  spec: SourceSpec,
  raw: RawSource,
  open: OpenTask | undefined,
): DataSource | undefined {
  if (raw.kind !== 'arrays' || raw.datasets === undefined || spec.test !== undefined) return undefined
  if (open !== undefined && (open.task.input.type !== 'image' || open.task.output.type !== 'class'))
    return undefined
  if (open !== undefined) checkFit(spec.source, raw.datasets, open)
  return raw.datasets
}

function checkFit(source: string, { train }: DataSource, { inputShape, outputs }: OpenTask): void {
  const found = train.shape.join('×')
  const wanted = inputShape.join('×')
  if (found === wanted && train.classes <= outputs) return
  throw new DataError(
    'E_DATA_MISMATCH',
    `data source ${source} has samples of ${found} in ${train.classes} classes; the run's task takes ${wanted} in ` +
      `${outputs}. Use other data, or make a manifest for these: manifest create --data ${source}`,
  )
}
