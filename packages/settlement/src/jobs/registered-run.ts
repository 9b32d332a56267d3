import type { Run } from '@tempered/protocol'
import { type Address, bytesToHex, type Hex } from 'viem'
import type { SettlementClient } from '../client/open-client.js'
import { RunRegistry } from '../contracts/artifacts.js'

/** The number of a run without a job in the RunRegistry, once its members have opened it there. */
export async function registeredRun(
  { reader, contracts }: SettlementClient,
  { id, manifest: { settlement } }: Run,
): Promise<Hex | undefined> {
  if (settlement === undefined) return undefined
  const registry = { address: contracts.runs, abi: RunRegistry.abi } as const
  const number = await reader.readContract({
    ...registry,
    functionName: 'idOf',
    args: [bytesToHex(id.multihash.digest), inOrder(settlement.accounts as readonly Address[])],
  })
  const size = await reader.readContract({ ...registry, functionName: 'sizeOf', args: [number] })
  return size === 0n ? undefined : number
}

/** By their addresses, as the contract wants members. */
export function inOrder(accounts: readonly Address[]): Address[] {
  return [...accounts].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1))
}
