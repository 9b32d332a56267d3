/** Why a chain does not take a call. */

import { revertReason, revertText } from '../contracts/revert-reason.js'
import { SettlementError } from '../errors.js'
import { rpcText } from './plain-errors.js'

/** What an error and those below it say. */
export function allText(error: unknown): string {
  const texts: string[] = []
  for (let one = error as { message?: string; details?: string; cause?: unknown } | undefined; one; ) {
    texts.push(one.message ?? '', one.details ?? '')
    one = one.cause as typeof one
  }
  return texts.join('\n')
}

/** Why a call was not taken, as SettlementError: E_REVERTED, E_FUNDS, E_RPC. */
export function refusal({ functionName }: { readonly functionName: string }, error: unknown): unknown {
  const reason = revertReason(error)
  if (reason !== undefined) {
    return new SettlementError(
      'E_REVERTED',
      `the contract refuses ${functionName}: ${revertText(reason)}`,
      { call: functionName, reason: reason.name },
      error,
    )
  }
  if (/insufficient funds|exceeds the balance/i.test(allText(error)))
    return new SettlementError(
      'E_FUNDS',
      `the account cannot pay for ${functionName} and its fees; send it coins`,
      { call: functionName },
      error,
    )
  if (error instanceof SettlementError) return error
  return new SettlementError(
    'E_RPC',
    `the RPC refuses ${functionName}: ${rpcText(error)}`,
    { call: functionName },
    error,
  )
}
