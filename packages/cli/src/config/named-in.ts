import { documentPlace } from '@tempered/lab/documents'
import { errorCode } from '@tempered/node/errors'
import { loadNodeConfig } from './node-config.js'

/** Codes of errors about a path or a command as such, not about what it holds. */
const ABOUT_A_NAME = new Set(['E_FILE', 'E_KEY', 'E_DATA_NOT_FOUND', 'E_DATA_UNKNOWN', 'E_TRAINER_START'])

/**
 * Does `work` with a path or a command from a configuration file. Where that cannot be used, the error says where in the
 * file it stands; in a mapping of several paths, which of them it is follows from the error.
 */
export async function namedIn<T>(file: string, path: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Error && ABOUT_A_NAME.has(errorCode(error)))
      error.message += await placeText(file, path, error)
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
