import type { Address } from 'viem'
import { type Binding, boundPeer } from '../binding.js'
import type { EventReader } from '../client/event-reader.js'
import type { SettlementClient } from '../client/open-client.js'
import { StakingRegistry } from '../contracts/artifacts.js'
import { SettlementError } from '../errors.js'

/** The peer id of an account; undefined if it is not registered, or the peer has not signed the binding. */
export async function peerOf(
  { contracts, reader }: Pick<SettlementClient, 'contracts' | 'reader'>,
  events: EventReader,
  account: Address,
): Promise<string | undefined> {
  const [registered] = await events.of(contracts.stakes, StakingRegistry.abi, 'Registered', { account })
  if (registered === undefined) return undefined
  const { peerKey, peerSignature } = registered.args as Pick<Binding, 'peerKey' | 'peerSignature'>
  const place = { chainId: await reader.getChainId(), contract: contracts.stakes }
  try {
    return boundPeer({ account, peerKey, peerSignature }, place)
  } catch (error) {
    if (error instanceof SettlementError && error.code === 'E_BINDING') return undefined
    throw error
  }
}
