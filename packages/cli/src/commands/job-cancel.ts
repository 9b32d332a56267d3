import { counted } from '@tempered/errors'
import { CliError } from '../errors.js'
import { jobNumber } from '../settlement/job-number.js'
import { loadSettlement } from '../settlement/load-settlement.js'
import { type SettlementOptions, withSettlement } from '../settlement/open-settlement.js'
import { claimRest, refund } from '../settlement/take-back.js'

/** `tempered job cancel`. */
export async function jobCancel(named: string, options: SettlementOptions): Promise<void> {
  const id = await jobNumber(named)
  await withSettlement(options, async (opened) => {
    const { createJobBoard } = await loadSettlement()
    const { client, place } = opened
    const say = (what: string): void => {
      process.stderr.write(`${what}\n`)
    }
    const job = await createJobBoard(client, place.fromBlock).find(id)
    if (job === undefined) throw new CliError('E_FILE', `there is no job ${id} on this chain`)
    const { address } = client.wallet.account
    if (job.user !== address)
      throw new CliError(
        'E_USAGE',
        `job ${id} belongs to account ${job.user}, but the key is that of ${address}`,
      )
    const late = new Date(Number(job.terms.settleUntil) * 1000).toISOString()
    if (job.state === 'full')
      throw new CliError(
        'E_USAGE',
        `all ${counted(job.terms.members, 'member')} have accepted job ${id}, so it cannot be cancelled; ` +
          `if it is not settled by ${late}, \`tempered job resume\` has the budget refunded`,
      )
    if (job.state === 'settled') throw new CliError('E_USAGE', `job ${id} is already settled`)
    if (job.state === 'open') {
      await refund(opened, id)
      say(`job ${id} is cancelled`)
    } else say(`job ${id} is already cancelled or refunded`)
    await claimRest(opened, say)
  })
}
