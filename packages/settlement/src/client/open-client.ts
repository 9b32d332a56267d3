/** A node's way to a set of contracts: one account, one chain. */

import type { Hex } from 'viem'
import type { SettlementContracts } from '../contracts/deploy.js'
import { SettlementError } from '../errors.js'
import { type ChainClient, noAnswer, openChain } from './open-chain.js'

export interface ClientInit {
  /** HTTP address of an RPC. */
  readonly rpc: string
  /** That of the chain which the contracts are on. */
  readonly chainId: number
  readonly contracts: SettlementContracts
  /** Private key of the account, 32 bytes. */
  readonly key: Hex
}

export interface SettlementClient extends ChainClient {
  readonly contracts: SettlementContracts
}

/**
 * Opens a client and looks whether it is where it should be. Throws SettlementError: E_RPC when nobody answers,
 * E_CHAIN_ID for another chain, E_CONTRACT when there is no contract at an address.
 */
export async function openClient(init: ClientInit): Promise<SettlementClient> {
  const { rpc, chainId, contracts, key } = init
  const { wallet, reader } = await openChain(rpc, key, chainId)
  for (const [name, address] of Object.entries(contracts)) {
    const code = await reader.getCode({ address }).catch((cause) => noAnswer(rpc, cause))
    if (code === undefined || code === '0x')
      throw new SettlementError(
        'E_CONTRACT',
        `there is no contract ${name} at ${address} on chain ${chainId}; check the addresses`,
        { name, address },
      )
  }
  return { contracts, wallet, reader }
}
