import { existsSync } from 'node:fs'
import { writeNewFile } from '@tempered/node'
import { CliError } from '../errors.js'
import { readAccountFile } from '../settlement/account-file.js'
import { loadSettlement } from '../settlement/load-settlement.js'
import { settlementFileText } from '../settlement/settlement-file.js'

export interface SettlementDeployOptions {
  readonly rpc: string
  readonly key: string
  readonly out: string
  readonly minimumStake?: bigint
  readonly unbonding?: number
  readonly appeal?: number
}

/** `tempered settlement deploy`. */
export async function settlementDeploy(options: SettlementDeployOptions): Promise<void> {
  const { rpc, out } = options
  if (existsSync(out)) throw new CliError('E_USAGE', `${out} already exists; name another --out`)
  const key = await readAccountFile(options.key)
  const { DEFAULT_RULES, deployAll } = await loadSettlement()
  const { unbonding = DEFAULT_RULES.unbondingSeconds, appeal = DEFAULT_RULES.appealSeconds } = options
  if (unbonding <= 2 * appeal)
    throw new CliError(
      'E_USAGE',
      `--unbonding ${unbonding}: must be more than twice --appeal, ${appeal}, or a stake is gone before it is judged`,
    )
  const deployed = await deployAll(rpc, key, {
    minimumStake: options.minimumStake ?? DEFAULT_RULES.minimumStake,
    unbondingSeconds: unbonding,
    appealSeconds: appeal,
  })
  if (!(await writeNewFile(out, [Buffer.from(settlementFileText(deployed))])))
    throw new CliError(
      'E_FILE',
      `${out} was made meanwhile; the contracts are ${JSON.stringify(deployed.contracts)}`,
    )
  process.stdout.write(`${out}\n`)
  process.stderr.write(
    `seven contracts on chain ${deployed.chainId}; give ${out} to everybody who is to use them\n`,
  )
}
