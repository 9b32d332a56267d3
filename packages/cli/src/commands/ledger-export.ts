import { once } from 'node:events'
import { counted } from '@tempered/errors'
import { openValidLedger } from '@tempered/lab/documents'
import {
  type ExportedBlobs,
  exportCar,
  exportNdjson,
  openBlobFolders,
  withInitialModel,
  writeNewFile,
} from '@tempered/node'
import { CliError } from '../errors.js'
import { warn } from '../terminal/warning.js'
import { blobFolders, oneLedgerFile } from './ledger-paths.js'

export interface LedgerExportOptions {
  readonly format: 'ndjson' | 'car'
  /** Whether to include the available blobs that entries name. */
  readonly blobs?: boolean
  /** More folders with blobs. */
  readonly blobsFrom?: readonly string[]
  readonly out?: string
}

/** `tempered ledger export`: writes a valid ledger in a format that other tools read, to stdout or to a new file. */
export async function ledgerExport(path: string, options: LedgerExportOptions): Promise<void> {
  const wantsBlobs = options.blobs === true || options.blobsFrom !== undefined
  if (wantsBlobs && options.format !== 'car')
    throw new CliError('E_USAGE', 'blobs are binary: only --format car can hold them')
  if (options.format === 'car' && options.out === undefined && process.stdout.isTTY)
    throw new CliError('E_USAGE', 'a CAR is binary: name a file with --out, or redirect stdout to one')
  const file = await oneLedgerFile(path)
  const { run } = await openValidLedger(file)
  let blobs: ExportedBlobs | undefined
  if (wantsBlobs) {
    const lookup = await openBlobFolders(await blobFolders([file], options.blobsFrom), (bad) =>
      warn(new Error(`${bad} does not match its name and is skipped`)),
    )
    blobs = { lookup: withInitialModel(lookup, run), count: { found: 0, missing: 0 } }
  }
  const parts = options.format === 'car' ? exportCar(run, file, blobs) : exportNdjson(run, file)
  if (options.out === undefined) await toStdout(parts)
  else if (!(await writeNewFile(options.out, parts)))
    throw new CliError('E_FILE', `${options.out} already exists; name another file with --out`)
  if (blobs !== undefined) {
    const { found, missing } = blobs.count
    process.stderr.write(
      `${counted(found, 'blob')}; ${counted(missing, 'that entries name is', 'that entries name are')} not available\n`,
    )
  }
}

async function toStdout(parts: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const part of parts) if (!process.stdout.write(part)) await once(process.stdout, 'drain')
}
