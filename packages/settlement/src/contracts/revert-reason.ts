/** Why a contract refused a call. One contract may pass on what another has said, whose errors its own ABI does not list. */

import { type Abi, BaseError, ContractFunctionRevertedError, decodeErrorResult, type Hex } from 'viem'
import * as artifacts from './artifacts.js'

/** The errors of all contracts. */
const ERRORS = Object.values(artifacts).flatMap(({ abi }) =>
  (abi as Abi).filter((entry) => entry.type === 'error'),
)

export interface RevertReason {
  /** Name of the contract's error, such as `NotStaked`. */
  readonly name: string
  readonly args: readonly unknown[]
}

/** The reason in an error of viem; undefined for errors that are not a contract's. */
export function revertReason(error: unknown): RevertReason | undefined {
  if (!(error instanceof BaseError)) return undefined
  const reverted = error.walk((one) => one instanceof ContractFunctionRevertedError)
  if (!(reverted instanceof ContractFunctionRevertedError)) return undefined
  const { data, raw, reason, signature } = reverted
  if (data !== undefined) return { name: data.errorName, args: data.args ?? [] }
  return known(raw) ?? { name: reason ?? signature ?? 'no reason', args: [] }
}

function known(data: Hex | undefined): RevertReason | undefined {
  if (data === undefined || data === '0x') return undefined
  try {
    const { errorName, args } = decodeErrorResult({ abi: ERRORS, data })
    return { name: errorName, args: (args ?? []) as readonly unknown[] }
  } catch {
    return undefined
  }
}
