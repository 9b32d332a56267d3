import { loadDocument } from '@tempered/lab/documents'
import { manifestSchema, ProtocolError, type Run, sealManifest } from '@tempered/protocol'
import { CliError } from '../errors.js'

/** Reads and seals a run manifest file. Throws E_FILE, E_CONFIG. */
export async function loadManifest(path: string): Promise<Run> {
  const value = await loadDocument(path, manifestSchema)
  try {
    return sealManifest(value)
  } catch (error) {
    if (error instanceof ProtocolError)
      throw new CliError('E_CONFIG', `${path}: ${error.message}`, { path }, error)
    throw error
  }
}
