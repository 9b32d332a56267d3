/** Deals a source to folders, one per node, in the same format. */

import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { errorMessage } from '@tempered/errors'
import { makeFolder } from '../../make-folder.js'
import { DataError } from '../data-error.js'
import { jsonObjects } from '../formats/jsonl.js'
import { openSource } from '../formats/open-source.js'
import type { ArraySource, Cell, RowSource } from '../formats/raw.js'
import { packedFault } from '../formats/text-stream.js'
import { memoryBytes } from '../memory-budget.js'
import { hashSource } from '../source-hash.js'
import { arrayLabels, type Deal, type DealtPart, deal, ownersOf, rowLabels } from './deal.js'
import { dealIdx, dealNpz } from './deal-arrays.js'

export interface SplitRequest extends Deal {
  readonly source: string
  /** Column of the label, for tables. */
  readonly label?: string | undefined
  /** An empty folder to write to. */
  readonly out: string
  readonly cacheFolder: string
}

/** What was done, as `split.json` has it. */
export interface SplitReport {
  readonly source: string
  /** See `hashSource`; of the embedded digits, that of their training samples. */
  readonly sha256: string
  readonly format: string
  readonly scheme: Deal['scheme']
  readonly seed: number
  readonly label?: string
  /** What was left out. */
  readonly notices?: readonly string[]
  readonly parts: readonly {
    readonly folder: string
    readonly count: number
    readonly labels: Readonly<Record<string, number>>
  }[]
}

/**
 * Writes `part-00`, `part-01`, … and `split.json` into `out`. Test samples that a source has of its own go to every part
 * as a whole. Throws E_PARTITION, E_DATA_MISMATCH for formats that are not written, and those of the format.
 */
export async function splitSource(request: SplitRequest): Promise<SplitReport> {
  const { source, out, label, scheme, seed, nodes, cacheFolder } = request
  const raw = await openSource(source, cacheFolder, { mostBytes: memoryBytes(), asFiles: true })
  const folders = Array.from(
    { length: nodes },
    (_, k) => `part-${String(k).padStart(String(nodes - 1).length, '0')}`,
  )
  const paths = folders.map((folder) => join(out, folder))
  for (const path of paths) await makeFolder(path)
  const dealt = raw.kind === 'arrays' ? splitArrays(raw, request, paths) : splitRows(raw, request, paths)
  const parts = await dealt.catch(async (error: unknown) => {
    throw await packedFault(error)
  })
  const notices = raw.kind === 'arrays' ? (raw.notices ?? []) : []
  const report: SplitReport = {
    source,
    sha256:
      raw.kind === 'arrays' && raw.format === 'mnist'
        ? (raw.datasets?.train.sha256 as string)
        : await hashSource(source),
    format: raw.kind === 'arrays' ? raw.format : raw.kind === 'rows' ? raw.format : raw.train.format,
    scheme,
    seed,
    ...(label === undefined ? {} : { label }),
    ...(notices.length === 0 ? {} : { notices }),
    parts: parts.map(({ samples, histogram }, k) => ({
      folder: folders[k] as string,
      count: samples.length,
      labels: histogram,
    })),
  }
  await writeFile(join(out, 'split.json'), `${JSON.stringify(report, null, 2)}\n`)
  return report
}

async function splitRows(
  raw: RowSource | { readonly kind: 'row-pair'; readonly train: RowSource; readonly test: RowSource },
  request: SplitRequest,
  paths: readonly string[],
): Promise<DealtPart[]> {
  const source = raw.kind === 'rows' ? raw : raw.train
  if (request.label === undefined && request.scheme.kind !== 'iid')
    throw new DataError(
      'E_PARTITION',
      `${request.scheme.kind} deals by labels: name their column with --label`,
      {
        file: source.file,
      },
    )
  const labels = await rowLabels(source, request.label)
  if (labels.labels.length === 0)
    throw new DataError('E_DATA_EMPTY', 'has no rows to deal; name other data', { file: source.file })
  const parts = deal(request, labels)
  const name = basename(source.file).replace(/\.gz$/i, '')
  await dealRows(
    source,
    parts,
    paths.map((path) => join(path, name)),
  )
  if (raw.kind === 'row-pair')
    for (const path of paths) await copyFile(raw.test.file, join(path, basename(raw.test.file)))
  return parts
}

async function dealRows(
  source: RowSource,
  parts: readonly DealtPart[],
  files: readonly string[],
): Promise<void> {
  const owner = ownersOf(parts)
  const streams = files.map((file) => createWriteStream(file).on('error', () => undefined))
  try {
    let row = 0
    for await (const lines of rowTexts(source, streams)) {
      for (const line of lines) await write(streams[owner[row++] as number] as WriteStream, line)
    }
  } finally {
    await Promise.all(streams.map((stream) => new Promise((resolve) => stream.end(resolve))))
    for (const stream of streams) checkWritten(stream)
  }
}

async function write(stream: WriteStream, text: string): Promise<void> {
  checkWritten(stream)
  if (!stream.write(text)) await once(stream, 'drain').catch(() => checkWritten(stream))
}

/** Throws E_DATA_DISK for what the disk has refused. */
function checkWritten({ errored, path }: WriteStream): void {
  if (errored != null)
    throw new DataError('E_DATA_DISK', `cannot be written: ${errorMessage(errored)}`, {
      file: String(path),
      cause: errored,
    })
}

/** The rows as they are written; headers are written at once. Throws E_DATA_MISMATCH for Parquet. */
async function* rowTexts(
  source: RowSource,
  streams: readonly WriteStream[],
): AsyncGenerator<readonly string[]> {
  if (source.format === 'parquet')
    throw new DataError(
      'E_DATA_MISMATCH',
      'is Parquet, which is read but not written here; convert it to CSV',
      {
        file: source.file,
      },
    )
  if (source.format === 'jsonl') {
    for await (const { text } of jsonObjects(source.file)) yield [`${text.trim()}\n`]
    return
  }
  const delimiter = source.format === 'tsv' ? '\t' : ','
  const line = (cells: readonly Cell[]): string =>
    `${cells.map((cell) => quoted(String(cell ?? ''), delimiter)).join(delimiter)}\n`
  for (const stream of streams) await write(stream, line(source.columns))
  for await (const rows of source.rows(source.columns)) yield rows.map(({ cells }) => line(cells))
}

function quoted(text: string, delimiter: string): string {
  return text.includes('"') || text.includes(delimiter) || /[\r\n]/.test(text) || text !== text.trim()
    ? `"${text.replaceAll('"', '""')}"`
    : text
}

async function splitArrays(
  raw: ArraySource,
  request: SplitRequest,
  paths: readonly string[],
): Promise<DealtPart[]> {
  if (raw.format === 'images') return splitImages(raw, request, paths)
  const idx = raw.format === 'idx' || raw.format === 'mnist'
  if (raw.format !== 'npz' && !idx)
    throw new DataError(
      'E_DATA_MISMATCH',
      `is in a format that is not written here (${raw.format}); save it as .npz`,
      {
        file: raw.file,
      },
    )
  const [count = 0] = raw.train.inputs.shape
  const targets = (await raw.train.targets?.load('float64')) as Float64Array | undefined
  const parts = deal(request, arrayLabels(targets, count, raw.classNames))
  await (idx ? dealIdx(raw, parts, paths) : dealNpz(raw, parts, paths))
  return parts
}

async function splitImages(
  raw: ArraySource,
  request: SplitRequest,
  paths: readonly string[],
): Promise<DealtPart[]> {
  const { listImages, readImage } = await import('../formats/image-folder.js')
  const { train, test } = await listImages(raw.file)
  const names = [...new Set([...train, ...test].map(({ folder }) => folder))]
  const labels = Int32Array.from(train, ({ folder }) => names.indexOf(folder))
  const parts = deal(request, { labels, names })
  const below = test.length > 0 ? 'train' : ''
  for (const { file } of test) await readImage(file)
  for (const [k, { samples }] of parts.entries()) {
    const path = paths[k] as string
    // Every part has a folder for every class, so that all number them alike.
    for (const name of names) await makeFolder(join(path, below, name))
    for (const sample of samples) {
      const { file, folder } = train[sample] as (typeof train)[number]
      await writeFile(join(path, below, folder, basename(file)), await readImage(file))
    }
    for (const { file, folder } of test) {
      await makeFolder(join(path, 'test', folder))
      await copyFile(file, join(path, 'test', folder, basename(file)))
    }
  }
  return parts
}
