import type { Hex } from 'viem'
import { SlashingManager } from '../contracts/artifacts.js'
import { createEventReader } from './event-reader.js'
import type { SettlementClient } from './open-client.js'

export interface VerdictStatus {
  readonly id: Hex
  readonly run: Hex
  readonly grounds: Hex
  /** Share of the stake, in 1/10,000. */
  readonly share: number
  /** Seconds since 1970. */
  readonly executableAt: bigint
  readonly isAppealed: boolean
  readonly isClosed: boolean
  /** How it was closed; undefined for an open one, and if the chain's events do not tell. */
  readonly ending: 'executed' | 'void' | undefined
}

/** Verdicts against the client's own account since a block. */
export async function verdictsAgainst(client: SettlementClient, from: bigint): Promise<VerdictStatus[]> {
  const { reader, contracts, wallet } = client
  const slashing = { address: contracts.slashing, abi: SlashingManager.abi } as const
  const offender = wallet.account.address
  const events = createEventReader(client, from)
  const given = await events.of(slashing.address, slashing.abi, 'VerdictGiven', { offender })
  const endingOf = async (id: Hex): Promise<VerdictStatus['ending']> => {
    if ((await events.of(slashing.address, slashing.abi, 'VerdictExecuted', { id })).length > 0)
      return 'executed'
    const voided = await events.of(slashing.address, slashing.abi, 'VerdictVoid', { id })
    return voided.length > 0 ? 'void' : undefined
  }
  return Promise.all(
    given.map(async ({ args }) => {
      const id = args.id as Hex
      const one = await reader.readContract({ ...slashing, functionName: 'caseOf', args: [id] })
      const { executableAt, isAppealed, isClosed, verdict } = one
      const { run, grounds, share } = verdict
      const ending = isClosed ? await endingOf(id) : undefined
      return { id, run, grounds, share, executableAt, isAppealed, isClosed, ending }
    }),
  )
}
