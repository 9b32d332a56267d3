import { readFile, stat } from 'node:fs/promises'
import { errorMessage, isFileError } from '@tempered/errors'
import { refuseModel } from './refusal.js'

/** The bytes of a file of at most `most` bytes, whose size is known before it is read. Throws E_IMPORT. */
export async function readBounded(file: string, most: number): Promise<Buffer> {
  const size = await sizeOfFile(file)
  if (size > most) refuseModel(file, `has ${size} bytes, above the ${most} that are read`)
  return readFile(file).catch((error) => unreadable(file, error))
}

/** Size of a file in bytes. `named` is how messages call it. Throws E_IMPORT. */
export async function sizeOfFile(file: string, named = file): Promise<number> {
  const info = await stat(file).catch((error) => unreadable(named, error))
  return info.isDirectory() ? refuseModel(named, 'this is a folder; name a file') : info.size
}

function unreadable(named: string, error: unknown): never {
  if (!isFileError(error)) throw error
  return refuseModel(named, errorMessage(error), error)
}
