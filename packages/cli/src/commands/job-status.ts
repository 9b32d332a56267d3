import type { JobStatus } from '@tempered/settlement'
import { coinsText } from '../config/coins.js'
import { jobNumber } from '../settlement/job-number.js'
import { loadSettlement } from '../settlement/load-settlement.js'
import { type SettlementOptions, withSettlement } from '../settlement/open-settlement.js'
import { sumsJson } from '../settlement/sums-json.js'
import { jobText } from '../terminal/job-text.js'

/** `tempered job status`. */
export async function showJob(
  named: string,
  options: SettlementOptions & { readonly json?: boolean },
): Promise<void> {
  const id = await jobNumber(named)
  await withSettlement(
    options,
    async (opened) => {
      const { jobStatus, metricText } = await loadSettlement()
      const status: JobStatus = await jobStatus(opened.client, id, opened.place.fromBlock)
      process.stdout.write(
        options.json === true ? `${sumsJson(status)}\n` : jobText(status, coinsText, metricText),
      )
    },
    'reads',
  )
}
