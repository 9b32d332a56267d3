/** From the name of a data source to samples that a task takes. */

import { basename } from 'node:path'
import { classNamesOf, type OpenTask } from '../task/task.js'
import { DataError } from './data-error.js'
import type { DataSource, Dataset } from './dataset.js'
import { encodeArrays } from './encode/encode-arrays.js'
import { encodeRows } from './encode/encode-rows.js'
import { type Encoded, shareTest, toDataset } from './encode/encoded.js'
import { DEFAULT_TEST_SHARE } from './encode/test-share.js'
import { cacheFile, readEncoded, writeEncoded } from './encoded-cache.js'
import { EMBEDDED, openSource } from './formats/open-source.js'
import type { RawSource, ReadOptions } from './formats/raw.js'
import { checkEncodedBytes } from './limits.js'

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
}

/**
 * Loads a source as numbers; what takes long to parse is kept in `cacheFolder` (none if empty). Without a task it must be a set of images with labels. Throws DataError; E_DATA_MISMATCH
 * when the task does not take it.
 */
export async function loadData(spec: SourceSpec, cacheFolder: string, open?: OpenTask): Promise<DataSource> {
  const { source, test } = spec
  const file =
    open === undefined || source === EMBEDDED
      ? undefined
      : await cacheFile(cacheFolder, { source, test, open })
  const cached = file === undefined ? undefined : await readEncoded(file)
  if (cached !== undefined) return cached
  const loaded = await loadAnew(spec, cacheFolder, open)
  if (file !== undefined) await writeEncoded(file, cacheFolder, loaded)
  return loaded
}

async function loadAnew(
  spec: SourceSpec,
  cacheFolder: string,
  open: OpenTask | undefined,
): Promise<DataSource> {
  const options = readOptions(spec, open)
  const raw = await openSource(spec.source, cacheFolder, options)
  const ready = imagesAsTheyAre(spec, raw, open)
  if (ready !== undefined) return ready

  const notices: string[] = []
  if (raw.kind === 'arrays') notices.push(...(raw.notices ?? []))
  const train = await encodePart(raw, 'train', open, notices)
  const { test } = spec
  if (typeof test === 'string') {
    const other = await openSource(test, cacheFolder, options)
    const part = await encodePart(other, hasTest(other) ? 'test' : 'train', open, notices)
    return joined(spec, toDataset(train), toDataset(part), notices)
  }
  if (test === undefined && hasTest(raw)) {
    const part = await encodePart(raw, 'test', open, notices)
    return joined(spec, toDataset(train), toDataset(part), notices)
  }
  if (typeof test === 'number' && hasTest(raw))
    notices.push(
      `${spec.source}: its own test samples are left out, since the run asks for a share of the others`,
    )
  const share = test ?? DEFAULT_TEST_SHARE
  const { train: own, test: drawn } = shareTest(train, share)
  if (test === undefined && own.count > 0)
    notices.push(
      `${spec.source} has no test samples: ${drawn.count} of its ${own.count + drawn.count} are kept for tests`,
    )
  return joined(spec, own, drawn, notices)
}

/**
 * Loads all samples of a source as inputs of a task, for predictions; columns and arrays of targets may be missing in
 * tables. `notices` gets what should be said. Throws DataError.
 */
export async function loadSamples(
  source: string,
  cacheFolder: string,
  open: OpenTask,
  notices: string[] = [],
): Promise<Dataset> {
  const raw = await openSource(source, cacheFolder, readOptions({ source }, open))
  if (raw.kind === 'arrays') return toDataset(await encodePart(raw, 'train', open, notices))
  const rows = raw.kind === 'rows' ? raw : raw.train
  return toDataset(await encodeRows(rows, open, notices, { inputsOnly: true }))
}

function readOptions(spec: SourceSpec, open: OpenTask | undefined): ReadOptions {
  if (open === undefined) return { classes: spec.classes }
  const { input, output } = open.task
  const named = output.type === 'class' && typeof output.classes !== 'number'
  return {
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
): Promise<Encoded> {
  if (raw.kind === 'arrays') {
    const array = part === 'test' ? (raw.test ?? raw.train) : raw.train
    return encodeArrays(raw, array, raw.name ?? basename(raw.file), open)
  }
  if (open === undefined)
    throw new DataError(
      'E_DATA_MISMATCH',
      `is a table, and only a task says what its columns mean; write one with tempered task init --data ${raw.file} --target <column>`,
      { file: raw.file },
    )
  return encodeRows(raw.kind === 'rows' ? raw : raw[part], open, notices)
}

/** Checks both parts against each other and the limit. */
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
  checkEncodedBytes(
    source,
    [train, test].reduce((sum, { inputs, targets }) => sum + inputs.byteLength + targets.byteLength, 0),
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
