import { coinsText } from '../config/coins.js'
import { loadSettlement } from '../settlement/load-settlement.js'
import { type SettlementOptions, withSettlement } from '../settlement/open-settlement.js'
import { sumsJson } from '../settlement/sums-json.js'

/** `tempered settlement show`. */
export async function settlementShow(
  options: SettlementOptions & { readonly json?: boolean },
): Promise<void> {
  await withSettlement(options, async (opened) => {
    const { accountStatus } = await loadSettlement()
    const status = await accountStatus(opened.client, opened.place.fromBlock)
    if (options.json === true) {
      process.stdout.write(`${sumsJson(status)}\n`)
      return
    }
    const { account, peerId, balance, staked, locked, unbonding, releaseTime, owed } = status
    const lines = [
      ['account', account],
      ['peer', peerId ?? 'none (not registered)'],
      ['coins', coinsText(balance)],
      ['stake', coinsText(staked)],
      ['locked by jobs', coinsText(locked)],
      [
        'unstaking',
        unbonding === 0n
          ? '0'
          : `${coinsText(unbonding)}, available from ${new Date(Number(releaseTime) * 1000).toISOString()}`,
      ],
      ['unclaimed earnings', coinsText(owed)],
    ]
    for (const [name, value] of lines) process.stdout.write(`${name!.padEnd(20)}${value}\n`)
  })
}
