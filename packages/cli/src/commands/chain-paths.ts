import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode } from '@tempered/errors'
import { CHAIN_FILE, type ChainContents, ChainFileError, readChainFile } from '@tempered/node'
import { CliError } from '../errors.js'
import { warn } from '../terminal/warning.js'
import { ledgerFiles } from './ledger-paths.js'

/** Chain files that a path refers to: the file itself, or those beside every ledger below a folder. Throws E_FILE. */
export async function chainFiles(path: string): Promise<string[]> {
  const info = await stat(path).catch(() => undefined)
  if (info?.isFile()) return [path]
  const beside = (await ledgerFiles(path)).map((file) => join(dirname(file), CHAIN_FILE))
  const found: string[] = []
  for (const file of beside) if ((await stat(file).catch(() => undefined))?.isFile()) found.push(file)
  if (found.length > 0) {
    for (const file of beside)
      if (!found.includes(file))
        warn(new Error(`${file}: there is none beside the ledger, so this member is left out`))
    return found
  }
  throw new CliError(
    'E_FILE',
    `${path}: there is no ${CHAIN_FILE} beside its ledgers: the run had no common chain, or this is a simulation, which keeps it in memory`,
    { path },
  )
}

/** Throws E_CHAIN_INVALID with the file and the block at fault. */
export async function openChainFile(path: string): Promise<ChainContents> {
  try {
    return await readChainFile(path)
  } catch (error) {
    if (!(error instanceof ChainFileError)) throw error
    if (errorCode(error.cause) === 'E_CHAIN_UNKNOWN')
      throw new CliError('E_USAGE', `${path}: ${error.message}; name its file with --module`, { path }, error)
    const where = error.block === 0 ? 'header or manifest' : `block ${error.block} of the file`
    throw new CliError(
      'E_CHAIN_INVALID',
      `${path}: ${where}: ${errorCode(error.cause)}: ${error.message}`,
      { path, block: error.block },
      error,
    )
  }
}
