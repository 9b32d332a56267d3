import { readIdentityFile } from '@tempered/node'
import type { Call } from '@tempered/settlement'
import { coinsText } from '../config/coins.js'
import { loadNodeConfig } from '../config/node-config.js'
import { CliError } from '../errors.js'
import { loadSettlement } from '../settlement/load-settlement.js'
import {
  type OpenedSettlement,
  type SettlementOptions,
  withSettlement,
} from '../settlement/open-settlement.js'

export interface StakeOptions extends SettlementOptions {
  readonly identity?: string
}

/** `tempered settlement stake`: registers the account for its peer, the first time, and stakes coins. */
export async function settlementStake(amount: bigint, options: StakeOptions): Promise<void> {
  await withSettlement(options, async (opened) => {
    const { artifacts, bindPeer } = await loadSettlement()
    const { client } = opened
    const stakes = { address: client.contracts.stakes, abi: artifacts.StakingRegistry.abi } as const
    const account = client.wallet.account.address
    const { peerKey } = await client.reader.readContract({
      ...stakes,
      functionName: 'memberOf',
      args: [account],
    })
    if (BigInt(peerKey) !== 0n) {
      await send(opened, { ...stakes, functionName: 'stake', value: amount }, `staked ${coinsText(amount)}`)
      return
    }
    const { signer } = await readIdentityFile(await identityOf(options))
    const place = { chainId: client.wallet.chain.id, contract: client.contracts.stakes }
    const binding = bindPeer(signer, account, place)
    await send(
      opened,
      {
        ...stakes,
        functionName: 'register',
        args: [binding.peerKey, binding.peerSignature],
        value: amount,
      },
      `account ${account} is bound to peer ${signer.peerId}, with a stake of ${coinsText(amount)}`,
    )
  })
}

/** `tempered settlement unstake`. */
export async function settlementUnstake(amount: bigint, options: SettlementOptions): Promise<void> {
  await withSettlement(options, async (opened) => {
    const { artifacts } = await loadSettlement()
    const { contracts, reader, wallet } = opened.client
    const stakes = { address: contracts.stakes, abi: artifacts.StakingRegistry.abi } as const
    await send(
      opened,
      { ...stakes, functionName: 'unbond', args: [amount] },
      `withdrawal of ${coinsText(amount)} requested`,
    )
    const { releaseTime } = await reader.readContract({
      ...stakes,
      functionName: 'memberOf',
      args: [wallet.account.address],
    })
    process.stderr.write(`available from ${new Date(Number(releaseTime) * 1000).toISOString()}\n`)
  })
}

/** `tempered settlement withdraw`. */
export async function settlementWithdraw(options: SettlementOptions): Promise<void> {
  await withSettlement(options, async (opened) => {
    const { artifacts } = await loadSettlement()
    const { contracts, reader, wallet } = opened.client
    const stakes = { address: contracts.stakes, abi: artifacts.StakingRegistry.abi } as const
    const { unbonding } = await reader.readContract({
      ...stakes,
      functionName: 'memberOf',
      args: [wallet.account.address],
    })
    await send(opened, { ...stakes, functionName: 'withdraw' }, `withdrew ${coinsText(unbonding)}`)
  })
}

/** `tempered settlement claim`. */
export async function settlementClaim(options: SettlementOptions): Promise<void> {
  await withSettlement(options, async (opened) => {
    const { artifacts } = await loadSettlement()
    const { contracts, reader, wallet } = opened.client
    const rewards = { address: contracts.rewards, abi: artifacts.RewardManager.abi } as const
    const account = wallet.account.address
    const owed = await reader.readContract({ ...rewards, functionName: 'owed', args: [account] })
    await send(opened, { ...rewards, functionName: 'claim', args: [account] }, `claimed ${coinsText(owed)}`)
  })
}

async function send({ outbox }: OpenedSettlement, call: Call, done: string): Promise<void> {
  const { blockNumber } = await outbox.send(call)
  process.stderr.write(`${done}, in block ${blockNumber}\n`)
}

async function identityOf({ config, identity }: StakeOptions): Promise<string> {
  if (identity !== undefined) return identity
  if (config !== undefined) return (await loadNodeConfig(config)).key
  throw new CliError(
    'E_USAGE',
    "specify the key file of the node's peer with --identity, or the node with --config",
  )
}
