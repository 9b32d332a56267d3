import { errorCode, errorMessage } from '@tempered/errors'
import type { Hex } from 'viem'
import { createEventReader } from '../client/event-reader.js'
import type { SettlementClient } from '../client/open-client.js'
import type { Outbox } from '../client/outbox.js'
import { SlashingManager } from '../contracts/artifacts.js'
import type { JobBoard } from '../jobs/job-board.js'

export interface VerdictsInit {
  readonly client: SettlementClient
  readonly outbox: Outbox
  /** A block before any verdict of interest. */
  readonly from: bigint
  /** Jobs that this account has accepted; their verdicts are executed. */
  readonly board: Pick<JobBoard, 'acceptedBy'>
  readonly signal: AbortSignal
  readonly pollMs: number
  sleep(ms: number, signal: AbortSignal): Promise<void>
  log(level: 'info' | 'warn', what: string): void
}

/** Blocks that are read again, as a chain may have changed them. */
const REORGANISED_BLOCKS = 64n

/** Members take turns, so that not all send the same transaction: half of the time for it has this many turns. */
const TURNS = 8n

/** Executes the verdicts of this account's own jobs once the appeal period is over, unless another member is faster. */
export async function executeVerdicts(init: VerdictsInit): Promise<void> {
  const { client, outbox, from, board, signal, pollMs, sleep, log } = init
  const { address: account } = client.wallet.account
  const { reader, contracts } = client
  const slashing = { address: contracts.slashing, abi: SlashingManager.abi } as const
  const pending = new Set<Hex>()
  const closed = new Set<Hex>()
  let newest = from - 1n
  let window: bigint | undefined

  const appealSeconds = async (): Promise<bigint> => {
    window ??= await reader.readContract({ ...slashing, functionName: 'appealSeconds' })
    return window
  }
  const readNew = async (): Promise<void> => {
    const now = await reader.getBlockNumber({ cacheTime: 0 })
    const since = newest - REORGANISED_BLOCKS > from ? newest - REORGANISED_BLOCKS : from
    const events = createEventReader(client, since)
    const own = new Set(await board.acceptedBy(account))
    for (const { args } of await events.of(slashing.address, slashing.abi, 'VerdictGiven', {}))
      if (own.has(args.run as Hex) && !closed.has(args.id as Hex)) pending.add(args.id as Hex)
    newest = now
  }
  const close = (id: Hex): void => {
    pending.delete(id)
    closed.add(id)
  }
  const carryOut = async (id: Hex): Promise<void> => {
    const { isClosed, executableAt } = await reader.readContract({
      ...slashing,
      functionName: 'caseOf',
      args: [id],
    })
    const { timestamp } = await reader.getBlock()
    if (isClosed) return close(id)
    if (timestamp < executableAt + ((await appealSeconds()) * (BigInt(account) % TURNS)) / (2n * TURNS))
      return
    const { blockNumber } = await outbox.send({ ...slashing, functionName: 'execute', args: [id] })
    close(id)
    log('info', `verdict ${id.slice(0, 10)} executed in block ${blockNumber}`)
  }

  while (!signal.aborted) {
    try {
      await readNew()
      for (const id of pending)
        await carryOut(id).catch((error) => {
          // Another member was faster, or the verdict has expired.
          if (errorCode(error) !== 'E_REVERTED') throw error
          close(id)
        })
    } catch (error) {
      if (!signal.aborted) log('warn', errorMessage(error))
    }
    await sleep(pollMs, signal)
  }
}
