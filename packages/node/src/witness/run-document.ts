import { readFile } from 'node:fs/promises'
import { decodeCanonical, type Run } from '@tempered/protocol'
import type { z } from 'zod'
import { errorMessage, NodeError } from '../errors.js'

export interface RunDocumentInit<S extends z.ZodType<{ run: string }>, T> {
  readonly schema: S
  /** How to fix a damaged file: ends the sentence `…; <remedy>`. */
  readonly remedy: string
  /** Opens the contents; throws when they are not genuine. */
  open(value: z.infer<S>): T
}

/**
 * Reads a file in canonical encoding that belongs to a run; undefined when there is no file. Throws E_STATE_CORRUPT,
 * E_WRONG_RUN, E_IO.
 */
export async function readRunDocument<S extends z.ZodType<{ run: string }>, T>(
  path: string,
  run: Run,
  { schema, remedy, open }: RunDocumentInit<S, T>,
): Promise<T | undefined> {
  let file: Uint8Array
  try {
    file = await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new NodeError('E_IO', `${path}: ${errorMessage(error)}`, { path }, error)
  }
  try {
    const value = schema.parse(decodeCanonical(new Uint8Array(file), file.byteLength, path))
    if (value.run !== run.id.toString()) {
      throw new NodeError(
        'E_WRONG_RUN',
        `${path} belongs to run ${value.run}, not to ${run.id}; give the node another \`state\` folder for this run, or move the old one away`,
        { path },
      )
    }
    return open(value)
  } catch (error) {
    if (error instanceof NodeError) throw error
    throw new NodeError('E_STATE_CORRUPT', `${path}: ${errorMessage(error)}; ${remedy}`, { path }, error)
  }
}
