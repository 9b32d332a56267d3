import { documentPlace } from '@tempered/lab/documents'
import { errorCode } from '@tempered/node/errors'

/** Codes of errors about a path or a command as such, not about what it holds. */
const ABOUT_A_NAME = new Set(['E_FILE', 'E_KEY', 'E_DATA_NOT_FOUND', 'E_DATA_UNKNOWN', 'E_TRAINER_START'])

/**
 * Does `work` with a path or a command from a configuration file. Where that cannot be used, the error says where in the
 * file it stands.
 */
export async function namedIn<T>(file: string, path: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Error && ABOUT_A_NAME.has(errorCode(error)))
      error.message += ` (named at ${await documentPlace(file, path)}, ${path.join('.')})`
    throw error
  }
}
