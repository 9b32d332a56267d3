/**
 * Training from samples in memory and from samples on disk, and the most memory that a process took. Every measurement is a
 * process of its own; the sources are made in a temporary folder and removed.
 *
 * npx tsx packages/train/bench/disk.bench.ts [sources…]
 */

import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TaskFileInput } from '../src/task/task-schema.js'
import { writeArrays, writeTable } from './disk-data.js'

/** What a process is to do. */
export interface DiskJob {
  readonly source: string
  readonly task: TaskFileInput
  readonly memory: string
  /** Also trains from samples in so much memory, in turns. */
  readonly compare: string | undefined
  readonly cache: string
  /** Per slice; the best slice counts. */
  readonly steps: number
}

export interface DiskMeasurement {
  readonly onDisk: boolean
  readonly sampleBytes: number
  readonly loadSeconds: number
  /** Largest resident sets in megabytes: before the source was opened, once it was loaded, and at the end. */
  readonly startMb: number
  readonly loadedMb: number
  readonly peakMb: number
  /** Samples per second. */
  readonly rates: Rates | undefined
}

interface Rates {
  readonly memory: number
  /** Of a file that the system holds in memory that is left. */
  readonly disk: number
  /** Right after the system was made to forget the file. */
  readonly cold: number | undefined
}

export interface DiskBenchRow extends DiskMeasurement {
  readonly source: string
  readonly sourceBytes: number
  readonly memory: string
  /** Whether the encoded file was there already. */
  readonly again: boolean
  readonly model: string
}

interface Source {
  readonly models: readonly string[]
  readonly steps: number
  /** Whether memory and disk are compared; otherwise only memory is measured. */
  readonly compared: boolean
  task(model: string): TaskFileInput
  write(folder: string): Promise<string>
  file(source: string): string
}

const classes = { type: 'class', column: 'y', classes: 10 } as const

function arrays(rows: number, width: number, compared: boolean): Source {
  return {
    models: ['tabular-mlp'],
    steps: 2000,
    compared,
    task: (model) =>
      ({ task: 'bench', input: { type: 'tensor', shape: [width] }, output: classes, model }) as TaskFileInput,
    write: (folder) => writeArrays(join(folder, 'arrays'), rows, [width], 'float32'),
    file: (source) => join(source, 'x.npy'),
  }
}

function table(rows: number): Source {
  const columns = Array.from({ length: 32 }, (_, k) => ({ name: `c${k}`, type: 'number' }))
  return {
    models: ['tabular-mlp'],
    steps: 2000,
    compared: false,
    task: (model) =>
      ({ task: 'bench', input: { type: 'table', columns }, output: classes, model }) as TaskFileInput,
    write: (folder) => writeTable(join(folder, 'table.csv'), rows, 32),
    file: (source) => source,
  }
}

const MEMORY = '256MB'
const ENOUGH = '8GiB'

const SOURCES: Readonly<Record<string, Source>> = {
  'NPY, 8,000,000 × 32 float32': arrays(8_000_000, 32, true),
  'NPY, 1,300,000 × 28×28 bytes': {
    models: ['softmax', 'mlp'],
    steps: 1000,
    compared: true,
    task: (model) =>
      ({
        task: 'bench',
        input: { type: 'image', shape: [28, 28, 1] },
        output: classes,
        model,
      }) as TaskFileInput,
    write: (folder) => writeArrays(join(folder, 'images'), 1_300_000, [28, 28, 1], 'uint8'),
    file: (source) => join(source, 'x.npy'),
  },
  'NPY, 8,000,000 × 128 float32': arrays(8_000_000, 128, false),
  'CSV, 10,000,000 × 33': table(10_000_000),
}

function measure(job: DiskJob): DiskMeasurement {
  const script = fileURLToPath(new URL('./disk-process.ts', import.meta.url))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...process.execArgv, script, JSON.stringify(job)],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as DiskMeasurement
}

/** Throws where a measurement fails. */
export async function benchDisk(names: readonly string[] = Object.keys(SOURCES)): Promise<DiskBenchRow[]> {
  const rows: DiskBenchRow[] = []
  for (const name of names) {
    const { models, compared, steps, task, write, file } = SOURCES[name] as Source
    const folder = await mkdtemp(join(tmpdir(), 'tempered-disk-bench-'))
    try {
      const source = await write(folder)
      const sourceBytes = (await stat(file(source))).size
      for (const [k, model] of models.entries()) {
        const compare = compared ? ENOUGH : undefined
        const cache = join(folder, 'cache')
        const measured = measure({ source, task: task(model), memory: MEMORY, compare, cache, steps })
        const row = { ...measured, source: name, sourceBytes, memory: MEMORY, again: k > 0, model }
        rows.push(row)
        console.error(JSON.stringify(row))
      }
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
  return rows
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = process.argv.slice(2)
  await benchDisk(wanted.length === 0 ? undefined : wanted)
}
