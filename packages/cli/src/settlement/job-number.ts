import { CliError } from '../errors.js'
import { jobInFolder } from './user-job.js'

/** The id of a job, given as such or by its folder. Throws CliError E_USAGE, E_FILE. */
export async function jobNumber(named: string): Promise<`0x${string}`> {
  if (/^0x[0-9a-fA-F]{64}$/.test(named)) return named.toLowerCase() as `0x${string}`
  if (/^0x/.test(named))
    throw new CliError('E_USAGE', `${named}: a job id is 0x followed by 64 hexadecimal digits`)
  return jobInFolder(named)
}
