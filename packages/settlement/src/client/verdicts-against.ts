import type { Hex } from 'viem'
import { SlashingManager } from '../contracts/artifacts.js'
import { createEventReader } from './event-reader.js'
import type { SettlementClient } from './open-client.js'

export interface VerdictStatus {
  readonly id: Hex
  readonly run: Hex
  readonly grounds: Hex
  /** Of the stake, in 1/10,000. */
  readonly share: number
  /** Seconds since 1970. */
  readonly executableAt: bigint
  readonly isAppealed: boolean
  readonly isClosed: boolean
}

/** Verdicts against the client's own account since a block. */
export async function verdictsAgainst(client: SettlementClient, from: bigint): Promise<VerdictStatus[]> {
  const { reader, contracts, wallet } = client
  const slashing = { address: contracts.slashing, abi: SlashingManager.abi } as const
  const offender = wallet.account.address
  const given = await createEventReader(client, from).of(slashing.address, slashing.abi, 'VerdictGiven', {
    offender,
  })
  return Promise.all(
    given.map(async ({ args }) => {
      const id = args.id as Hex
      const one = await reader.readContract({ ...slashing, functionName: 'caseOf', args: [id] })
      const { executableAt, isAppealed, isClosed, verdict } = one
      const { run, grounds, share } = verdict
      return { id, run, grounds, share, executableAt, isAppealed, isClosed }
    }),
  )
}
