import { constants, existsSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { errorMessage } from '@tempered/errors'
import { writeNewFile } from '@tempered/node'
import { CliError } from '../errors.js'
import { readAccountFile } from '../settlement/account-file.js'
import { loadSettlement } from '../settlement/load-settlement.js'
import { checkRpc } from '../settlement/open-settlement.js'
import { settlementFileText } from '../settlement/settlement-file.js'

export interface SettlementDeployOptions {
  readonly rpc: string
  readonly key: string
  readonly out: string
  readonly minimumStake?: bigint
  readonly unbonding?: number
  readonly appeal?: number
}

/** Before anything is paid for. Throws CliError E_FILE. */
async function checkWritable(out: string): Promise<void> {
  const folder = dirname(resolve(out))
  await access(folder, constants.W_OK).catch((error) => {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new CliError(
      'E_FILE',
      `--out ${out}: ${isMissing ? `folder ${folder} does not exist` : errorMessage(error)}`,
      { path: out },
      error,
    )
  })
}

/** `tempered settlement deploy`. */
export async function settlementDeploy(options: SettlementDeployOptions): Promise<void> {
  const { rpc, out } = options
  checkRpc(rpc)
  if (existsSync(out)) throw new CliError('E_USAGE', `${out} already exists; choose another file with --out`)
  await checkWritable(out)
  const key = await readAccountFile(options.key)
  const { DEFAULT_RULES, deployAll } = await loadSettlement()
  const { unbonding = DEFAULT_RULES.unbondingSeconds, appeal = DEFAULT_RULES.appealSeconds } = options
  if (unbonding <= 2 * appeal)
    throw new CliError(
      'E_USAGE',
      `--unbonding ${unbonding}: must be more than twice --appeal, ${appeal}; otherwise a stake can be withdrawn before a verdict is executed`,
    )
  const deployed = await deployAll(rpc, key, {
    minimumStake: options.minimumStake ?? DEFAULT_RULES.minimumStake,
    unbondingSeconds: unbonding,
    appealSeconds: appeal,
  })
  const text = settlementFileText(deployed)
  const written = await writeNewFile(out, [Buffer.from(text)]).catch(() => false)
  if (!written) {
    // They are paid for: whatever is wrong with the file, their addresses must not be lost.
    process.stdout.write(text)
    throw new CliError('E_FILE', `${out} could not be written; save the output on stdout to a file`)
  }
  process.stdout.write(`${out}\n`)
  process.stderr.write(
    `deployed seven contracts on chain ${deployed.chainId}; give ${out} to everyone who uses them\n`,
  )
}
