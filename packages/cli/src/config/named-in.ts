import { errorMessage, isFileError } from '@tempered/errors'
import { documentPlace } from '@tempered/lab/documents'
import { errorCode, NodeError } from '@tempered/node/errors'
import { loadNodeConfig } from './node-config.js'

/** Where a configuration file names what an error is about, by the error's code. */
export type Places = Readonly<Record<string, readonly string[]>>

/**
 * Does `work` with what a configuration file names: a path, an address, a command. Where that cannot be used, the error
 * says where in the file it stands; in a mapping of several paths, which of them it is follows from the error.
 */
export async function namedIn<T>(file: string, places: Places, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isFileError(error) && places.E_IO !== undefined)
      throw new NodeError(
        'E_IO',
        `${errorMessage(error)}${await placeText(file, places.E_IO, error)}`,
        {},
        error,
      )
    const path = error instanceof Error ? places[errorCode(error)] : undefined
    if (path !== undefined) (error as Error).message += await placeText(file, path, error as Error)
    throw error
  }
}

async function placeText(file: string, path: readonly string[], error: Error): Promise<string> {
  const full = path[0] === 'data' ? [...path, await namedKey(file, error)] : path
  return ` (named at ${await documentPlace(file, full)}, ${full.join('.')})`
}

/** `test` for the test samples of a node, where the path at fault is theirs. */
async function namedKey(file: string, error: Error): Promise<'source' | 'test'> {
  const { data } = await loadNodeConfig(file)
  const at = (error as { file?: string }).file
  return typeof data.test === 'string' && at?.startsWith(data.test) === true ? 'test' : 'source'
}
