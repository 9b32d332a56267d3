import { CliError } from '../errors.js'

/** The package is optional: only staking and paying need it. Throws CliError E_USAGE if it is missing. */
export async function loadSettlement(): Promise<typeof import('@tempered/settlement')> {
  try {
    return await import('@tempered/settlement')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new CliError(
      'E_USAGE',
      'this command needs the package @tempered/settlement; install it alongside tempered',
      {},
      error,
    )
  }
}
