import type { Run } from '@tempered/protocol'
import { type Address, bytesToHex, type Hex } from 'viem'
import type { SettlementClient } from '../client/open-client.js'
import { RunRegistry } from '../contracts/artifacts.js'

/** The id in the RunRegistry of a run without a job, once its members have registered it. */
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

/** Sorted by address, as the contract requires. */
export function inOrder(accounts: readonly Address[]): Address[] {
  return [...accounts].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1))
}
