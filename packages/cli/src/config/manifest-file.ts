import { loadDocument } from '@tempered/lab/documents'
import { manifestSchema, ProtocolError, type Run, sealManifest } from '@tempered/protocol'
import { CliError } from '../errors.js'

/** Reads and seals a run manifest file. Throws E_FILE, E_CONFIG. */
export async function loadManifest(path: string): Promise<Run> {
  const value = await loadDocument(path, manifestSchema, { prepare: (raw) => checkKind(path, raw) })
  try {
    return sealManifest(value)
  } catch (error) {
    if (error instanceof ProtocolError)
      throw new CliError('E_CONFIG', `${path}: ${error.message}`, { path }, error)
    throw error
  }
}

/** A task or a configuration in its place would give a line for each of its keys. */
async function checkKind(path: string, raw: unknown): Promise<{ value: unknown; problems: [] }> {
  const isDocument = typeof raw === 'object' && raw !== null && !Array.isArray(raw)
  if (isDocument && !('kind' in raw) && !('members' in raw))
    throw new CliError(
      'E_CONFIG',
      `${path}: is not a manifest; name the file that \`tempered manifest create\` wrote`,
      { path },
    )
  return { value: raw, problems: [] }
}
