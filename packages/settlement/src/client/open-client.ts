/** Access to a set of contracts with one account on one chain. */

import type { Hex } from 'viem'
import type { SettlementContracts } from '../contracts/deploy.js'
import { SettlementError } from '../errors.js'
import { type ChainClient, noAnswer, openChain } from './open-chain.js'

export interface ClientInit {
  /** URL of a JSON-RPC endpoint. */
  readonly rpc: string
  /** Chain id of the contracts. */
  readonly chainId: number
  readonly contracts: SettlementContracts
  /** Private key of the account, 32 bytes. */
  readonly key: Hex
}

export interface SettlementClient extends ChainClient {
  readonly contracts: SettlementContracts
}

/**
 * Opens a client and checks the chain and the contracts. Throws SettlementError: E_RPC when the RPC does not answer,
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
        `there is no contract ${name} at ${address} on chain ${chainId}; check the file with the addresses`,
        { name, address },
      )
  }
  return { contracts, wallet, reader }
}
