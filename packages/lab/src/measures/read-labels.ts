import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LabError } from '../errors.js'
import type { RecordedNode } from './run-record.js'

/** Samples of each class by node, in a run folder; older runs have none. */
export const LABELS_FILE = 'data.json'

/**
 * Samples of each class that each node was dealt, by node index; null when the run folder does not contain them. Throws
 * E_FILE when the file is malformed.
 */
export async function readLabels(
  folder: string,
  nodes: readonly RecordedNode[],
): Promise<readonly (readonly number[])[] | null> {
  const path = join(folder, LABELS_FILE)
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return null
  let counts: Record<string, unknown>
  try {
    counts = Object(JSON.parse(text))
  } catch (cause) {
    throw new LabError('E_FILE', `${path}: ${(cause as Error).message}`, {}, cause)
  }
  return nodes.map(({ name }) => {
    const row = counts[name]
    if (!Array.isArray(row) || !row.every((count) => Number.isInteger(count) && count >= 0))
      throw new LabError('E_FILE', `${path}: ${name}: expected a list of counts, one per class`)
    return row
  })
}
