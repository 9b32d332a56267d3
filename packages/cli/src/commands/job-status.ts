import type { JobStatus } from '@tempered/settlement'
import { coinsText } from '../config/coins.js'
import { CliError } from '../errors.js'
import { loadSettlement } from '../settlement/load-settlement.js'
import { type SettlementOptions, withSettlement } from '../settlement/open-settlement.js'
import { sumsJson } from '../settlement/sums-json.js'
import { jobInFolder } from '../settlement/user-job.js'
import { jobText } from '../terminal/job-text.js'

/** `tempered job status`. */
export async function showJob(
  named: string,
  options: SettlementOptions & { readonly json?: boolean },
): Promise<void> {
  if (/^0x/.test(named) && !/^0x[0-9a-fA-F]{64}$/.test(named))
    throw new CliError('E_USAGE', `${named}: a job's number has 64 hexadecimal digits after 0x`)
  const id = /^0x[0-9a-fA-F]{64}$/.test(named)
    ? (named.toLowerCase() as `0x${string}`)
    : await jobInFolder(named)
  await withSettlement(
    options,
    async (opened) => {
      const { jobStatus } = await loadSettlement()
      const status: JobStatus = await jobStatus(opened.client, id, opened.place.fromBlock)
      process.stdout.write(options.json === true ? `${sumsJson(status)}\n` : jobText(status, coinsText))
    },
    'reads',
  )
}
