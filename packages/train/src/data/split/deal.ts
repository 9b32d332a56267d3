/** Which part each sample of a source belongs to. */

import { DataError } from '../data-error.js'
import { splitLabels } from '../data-share.js'
import { nameOf } from '../encode/cells.js'
import type { RowSource } from '../formats/raw.js'
import { type PartitionScheme, partition } from '../partition.js'

export interface Deal {
  readonly scheme: PartitionScheme
  readonly nodes: number
  readonly seed: number
}

/** Labels by which samples are dealt, and their names. */
export interface DealtLabels {
  readonly labels: Int32Array
  readonly names: readonly string[]
}

/** What each part gets. */
export interface DealtPart {
  /** Numbers of the samples, ascending. */
  readonly samples: Uint32Array
  readonly histogram: Readonly<Record<string, number>>
}

/** More different labels than this are no labels. */
const MOST_LABELS = 10_000

/**
 * The labels of a table's rows. Without a column, one label for all. Throws E_DATA_COLUMN, E_DATA_MISMATCH for a column of
 * more than 10,000 values.
 */
export async function rowLabels(source: RowSource, column: string | undefined): Promise<DealtLabels> {
  const { file, columns } = source
  if (column !== undefined && !columns.includes(column))
    throw new DataError(
      'E_DATA_COLUMN',
      `has no column "${column}" to deal by; it has ${columns.join(', ')}`,
      {
        file,
        line: 1,
      },
    )
  const numbers = new Map<string, number>()
  const labels: number[] = []
  for await (const rows of source.rows(column === undefined ? [] : [column])) {
    for (const { cells } of rows) {
      const [cell] = cells
      const name = cell === undefined || cell === null ? '' : nameOf(cell)
      const label = numbers.get(name) ?? numbers.size
      numbers.set(name, label)
      labels.push(label)
    }
    if (numbers.size > MOST_LABELS)
      throw new DataError(
        'E_DATA_MISMATCH',
        `column "${column}" has more than ${MOST_LABELS} different values, too many to deal by; name another --label`,
        { file },
      )
  }
  return { labels: Int32Array.from(labels), names: column === undefined ? [] : [...numbers.keys()] }
}

/** Deals samples; labels of numbers to predict are ten groups, see `splitLabels`. Throws E_PARTITION. */
export function deal({ scheme, nodes, seed }: Deal, { labels, names }: DealtLabels): DealtPart[] {
  const classes = Math.max(1, names.length)
  return partition({ labels, classes, nodes, scheme, seed }).map((samples) => {
    const histogram: Record<string, number> = {}
    if (names.length > 0) {
      for (const sample of samples) {
        const name = names[labels[sample] as number] as string
        histogram[name] = (histogram[name] ?? 0) + 1
      }
    }
    return { samples, histogram }
  })
}

/** Labels of arrays' targets: whole numbers from 0 on, or groups of other numbers. */
export function arrayLabels(
  values: Float64Array | undefined,
  count: number,
  classNames: readonly string[] | undefined,
): DealtLabels {
  if (values === undefined) return { labels: new Int32Array(count), names: [] }
  const whole = values.length === count && values.every((value) => Number.isInteger(value) && value >= 0)
  const most = values.reduce((a, b) => Math.max(a, b), 0)
  if (whole && most <= MOST_LABELS) {
    const names = Array.from({ length: most + 1 }, (_, k) => classNames?.[k] ?? String(k))
    return { labels: Int32Array.from(values), names }
  }
  const { labels, classes } = splitLabels({
    name: '',
    sha256: '',
    shape: [1],
    inputs: new Uint8Array(0),
    count,
    classes: 0,
    targets: Float32Array.from(values),
  })
  return {
    labels: Int32Array.from(labels),
    names: Array.from({ length: classes }, (_, k) => `group ${k + 1} of ${classes}`),
  }
}

/** The part of each sample. */
export function ownersOf(parts: readonly DealtPart[]): Uint32Array {
  const owner = new Uint32Array(parts.reduce((sum, { samples }) => sum + samples.length, 0))
  parts.forEach(({ samples }, part) => {
    for (const sample of samples) owner[sample] = part
  })
  return owner
}
