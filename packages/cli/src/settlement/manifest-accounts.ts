import type { Manifest } from '@tempered/protocol'
import { loadNodeConfig } from '../config/node-config.js'
import { CliError } from '../errors.js'
import { readAccountFile } from './account-file.js'
import { loadSettlement } from './load-settlement.js'
import { loadSettlementFile } from './settlement-file.js'

export interface ManifestAccountsOptions {
  /** Peer ids, node folders or key files. */
  readonly member: readonly string[]
  readonly settlement?: string
  readonly account?: Readonly<Record<string, string>>
}

/** The accounts of a run's members; undefined for a run without. Throws CliError E_USAGE, E_CONFIG, E_FILE, E_KEY. */
export async function settlementOf(options: ManifestAccountsOptions): Promise<Manifest['settlement']> {
  const { member, settlement, account = {} } = options
  if (settlement === undefined) {
    if (options.account === undefined) return undefined
    throw new CliError('E_USAGE', '--account needs --settlement, the file written by `settlement deploy`')
  }
  const { chainId, contracts } = await loadSettlementFile(settlement)
  const unknown = Object.keys(account).find((peer) => !member.includes(peer))
  if (unknown !== undefined) throw new CliError('E_USAGE', `--account ${unknown}: is not a member`)
  const accounts: string[] = []
  for (const one of member) accounts.push(account[one] ?? (await accountOf(one)))
  return { chainId, contract: contracts.slashing, accounts }
}

/** Of a node folder: the account whose key its configuration names. */
async function accountOf(member: string): Promise<string> {
  if (member.startsWith('12D3Koo'))
    throw new CliError(
      'E_USAGE',
      `--member ${member}: a peer id needs an account; add --account ${member}=0x…`,
    )
  const { settlement, file } = await loadNodeConfig(member)
  if (settlement === undefined)
    throw new CliError('E_CONFIG', `${file}: has no \`settlement\`; add rpc, chainId, contracts and key`, {
      file,
    })
  const { accountAddress } = await loadSettlement()
  return accountAddress(await readAccountFile(settlement.key))
}
