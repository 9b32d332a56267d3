/** One account on one chain. */

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
import { SettlementError } from '../errors.js'
import { hostOf, rpcText, withPlainErrors } from './plain-errors.js'

const REQUEST_MS = 15_000
/** Between two requests for a receipt; a block of Ethereum or a layer 2 takes some seconds. */
const POLL_MS = 500

export interface ChainClient {
  readonly wallet: WalletClient<Transport, Chain, Account>
  readonly reader: PublicClient
}

/**
 * A client of a chain, whatever its contracts. `expected`: the chain id, if known. Throws SettlementError E_RPC,
 * E_CHAIN_ID.
 */
export async function openChain(rpc: string, key: Hex, expected?: number): Promise<ChainClient> {
  // Failed requests are repeated by the outbox, which reports it.
  const transport = http(rpc, { retryCount: 0, timeout: REQUEST_MS })
  const found = await createPublicClient({ transport })
    .getChainId()
    .catch((cause) => noAnswer(rpc, cause))
  if (expected !== undefined && found !== expected) {
    const host = hostOf(rpc)
    throw new SettlementError(
      'E_CHAIN_ID',
      `${host} serves chain ${found}, but the contracts are on chain ${expected}; use an RPC of that chain`,
      { host, found, chainId: expected },
    )
  }
  const chain = defineChain({
    id: found,
    name: `chain ${found}`,
    nativeCurrency: { name: 'coin', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [rpc] } },
  })
  const options = { chain, transport, pollingInterval: POLL_MS } as const
  return {
    reader: withPlainErrors(createPublicClient(options) as PublicClient, rpc),
    wallet: createWalletClient({ ...options, account: privateKeyToAccount(key) }),
  }
}

export function noAnswer(rpc: string, cause: unknown): never {
  const host = hostOf(rpc)
  const text = cause instanceof SettlementError ? cause.message : `${host}: ${rpcText(cause)}`
  throw new SettlementError('E_RPC', `${text}; check the RPC URL`, { host }, cause)
}
