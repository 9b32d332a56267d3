/** A node's way to a set of contracts: one account, one chain. */

import {
  type Account,
  type Chain,
  createPublicClient,
  createWalletClient,
  defineChain,
  type Hex,
  http,
  type PublicClient,
  type Transport,
  type WalletClient,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { SettlementContracts } from '../contracts/deploy.js'
import { SettlementError } from '../errors.js'

export interface ClientInit {
  /** HTTP address of an RPC. */
  readonly rpc: string
  /** That of the chain which the contracts are on. */
  readonly chainId: number
  readonly contracts: SettlementContracts
  /** Private key of the account, 32 bytes. */
  readonly key: Hex
}

export interface SettlementClient {
  readonly contracts: SettlementContracts
  readonly wallet: WalletClient<Transport, Chain, Account>
  readonly reader: PublicClient
}

const REQUEST_MS = 15_000

/**
 * Opens a client and looks whether it is where it should be. Throws SettlementError: E_RPC when nobody answers,
 * E_CHAIN_ID for another chain, E_CONTRACT when there is no contract at an address.
 */
export async function openClient({ rpc, chainId, contracts, key }: ClientInit): Promise<SettlementClient> {
  const chain = defineChain({
    id: chainId,
    name: `chain ${chainId}`,
    nativeCurrency: { name: 'coin', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [rpc] } },
  })
  // What fails is tried again by the outbox, which says so.
  const transport = http(rpc, { retryCount: 0, timeout: REQUEST_MS })
  const reader = createPublicClient({ chain, transport }) as PublicClient
  const wallet = createWalletClient({ chain, transport, account: privateKeyToAccount(key) })
  // The address may hold a password or a key.
  const { host } = new URL(rpc)
  const noAnswer = (cause: unknown): never => {
    const text = `${host}: no answer (${rpcText(cause)}); check the address of the RPC`
    throw new SettlementError('E_RPC', text, { host }, cause)
  }
  const found = await reader.getChainId().catch(noAnswer)
  if (found !== chainId)
    throw new SettlementError(
      'E_CHAIN_ID',
      `${host} serves chain ${found}, but the contracts are on chain ${chainId}; name an RPC of that chain`,
      { host, found, chainId },
    )
  for (const [name, address] of Object.entries(contracts)) {
    const code = await reader.getCode({ address }).catch(noAnswer)
    if (code === undefined || code === '0x')
      throw new SettlementError(
        'E_CONTRACT',
        `there is no contract ${name} at ${address} on chain ${chainId}; check the addresses`,
        { name, address },
      )
  }
  return { contracts, wallet, reader }
}

/** The first line of what viem says, which goes on for many. */
export function rpcText(error: unknown): string {
  const { shortMessage, message = String(error) } = error as { shortMessage?: string; message?: string }
  return (shortMessage ?? message).split('\n', 1)[0] as string
}
