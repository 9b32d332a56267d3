import type { Address, Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { RewardManager, StakingRegistry } from '../contracts/artifacts.js'
import { peerOf } from '../jobs/peer-of.js'
import { createEventReader } from './event-reader.js'
import type { SettlementClient } from './open-client.js'

/** What an account has, in wei. */
export interface AccountStatus {
  readonly account: Address
  /** Undefined if it is not registered, or the peer has not signed the binding. */
  readonly peerId: string | undefined
  readonly balance: bigint
  readonly staked: bigint
  /** The part of the stake that is locked by jobs. */
  readonly locked: bigint
  readonly unbonding: bigint
  /** When that can be withdrawn, in seconds since 1970. */
  readonly releaseTime: bigint
  /** Unclaimed earnings. */
  readonly owed: bigint
}

/** The address of a private key. */
export function accountAddress(key: Hex): Address {
  return privateKeyToAccount(key).address
}

/** `from`: a block before the account was registered. */
export async function accountStatus(client: SettlementClient, from: bigint): Promise<AccountStatus> {
  const { reader, contracts, wallet } = client
  const { address: account } = wallet.account
  const member = await reader.readContract({
    address: contracts.stakes,
    abi: StakingRegistry.abi,
    functionName: 'memberOf',
    args: [account],
  })
  return {
    account,
    peerId: await peerOf(client, createEventReader(client, from), account),
    balance: await reader.getBalance({ address: account }),
    staked: member.staked,
    locked: member.locked,
    unbonding: member.unbonding,
    releaseTime: member.releaseTime,
    owed: await reader.readContract({
      address: contracts.rewards,
      abi: RewardManager.abi,
      functionName: 'owed',
      args: [account],
    }),
  }
}
