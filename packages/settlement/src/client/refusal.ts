/** Why a chain rejects a call. */

import type { Address } from 'viem'
import { revertReason, revertText } from '../contracts/revert-reason.js'
import { SettlementError } from '../errors.js'
import { rpcText } from './plain-errors.js'

/** The messages of an error and its causes. */
export function allText(error: unknown): string {
  const texts: string[] = []
  for (let one = error as { message?: string; details?: string; cause?: unknown } | undefined; one; ) {
    texts.push(one.message ?? '', one.details ?? '')
    one = one.cause as typeof one
  }
  return texts.join('\n')
}

/** Why a call was rejected, as SettlementError: E_REVERTED, E_FUNDS, E_RPC. `account`: the one that pays. */
export function refusal(
  { functionName }: { readonly functionName: string },
  error: unknown,
  account: Address,
): unknown {
  const reason = revertReason(error)
  if (reason !== undefined) {
    return new SettlementError(
      'E_REVERTED',
      `the contract rejected \`${functionName}\`: ${revertText(reason)}`,
      { call: functionName, reason: reason.name },
      error,
    )
  }
  if (/insufficient funds|exceeds the balance/i.test(allText(error)))
    return new SettlementError(
      'E_FUNDS',
      `insufficient funds for \`${functionName}\` and its fees; fund account ${account}`,
      { call: functionName },
      error,
    )
  if (error instanceof SettlementError) return error
  return new SettlementError(
    'E_RPC',
    `the RPC rejected \`${functionName}\`: ${rpcText(error)}`,
    { call: functionName },
    error,
  )
}
