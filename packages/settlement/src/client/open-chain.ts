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

const REQUEST_MS = 15_000
/** Between two looks for a receipt; a block of a layer of Ethereum takes some seconds. */
const POLL_MS = 500

export interface ChainClient {
  readonly wallet: WalletClient<Transport, Chain, Account>
  readonly reader: PublicClient
}

/**
 * A client of a chain, whatever is on it. `expected`: its chain id, if that is known. Throws SettlementError E_RPC,
 * E_CHAIN_ID.
 */
export async function openChain(rpc: string, key: Hex, expected?: number): Promise<ChainClient> {
  // What fails is tried again by the outbox, which says so.
  const transport = http(rpc, { retryCount: 0, timeout: REQUEST_MS })
  const found = await createPublicClient({ transport })
    .getChainId()
    .catch((cause) => noAnswer(rpc, cause))
  if (expected !== undefined && found !== expected) {
    const host = hostOf(rpc)
    throw new SettlementError(
      'E_CHAIN_ID',
      `${host} serves chain ${found}, but the contracts are on chain ${expected}; name an RPC of that chain`,
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
    reader: createPublicClient(options) as PublicClient,
    wallet: createWalletClient({ ...options, account: privateKeyToAccount(key) }),
  }
}

/** The address may hold a password or a key, which messages must not show. */
const hostOf = (rpc: string): string => new URL(rpc).host

export function noAnswer(rpc: string, cause: unknown): never {
  const host = hostOf(rpc)
  const text = `${host}: no JSON-RPC answer (${rpcText(cause)}); check the address of the RPC`
  throw new SettlementError('E_RPC', text, { host }, cause)
}

/** The first line of what viem says, which goes on for many. */
export function rpcText(error: unknown): string {
  const { shortMessage, message = String(error) } = error as { shortMessage?: string; message?: string }
  return (shortMessage ?? message).split('\n', 1)[0] as string
}
