/** Why a contract refused a call. One contract may pass on what another has said, whose errors its own ABI does not list. */

import {
  type Abi,
  BaseError,
  ContractFunctionRevertedError,
  decodeErrorResult,
  formatEther,
  type Hex,
} from 'viem'
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

/** Name of a reason that was not given. */
export const NO_REASON = 'no reason'

/** The reason in an error of viem; undefined for errors that are not a contract's. */
export function revertReason(error: unknown): RevertReason | undefined {
  if (!(error instanceof BaseError)) return undefined
  const reverted = error.walk((one) => one instanceof ContractFunctionRevertedError)
  if (!(reverted instanceof ContractFunctionRevertedError)) return undefined
  const { data, raw, reason, signature } = reverted
  if (data !== undefined) return { name: data.errorName, args: data.args ?? [] }
  const given = reason === undefined || /^execution reverted$/i.test(reason) ? signature : reason
  return known(raw) ?? { name: given ?? NO_REASON, args: [] }
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

const time = (seconds: unknown): string => new Date(Number(seconds) * 1000).toISOString()
const sum = (wei: unknown): string => formatEther(BigInt(wei as bigint))

/** What people do something about, in their words; the contract's name of the error comes first, for searching. */
const TEXTS: Readonly<Record<string, (args: readonly unknown[]) => string>> = {
  StakeHeld: ([until]) => `a verdict is open on this stake until ${time(until)}`,
  NotReleased: ([from]) => `it may be withdrawn from ${time(from)} on`,
  NothingUnbonding: () => 'nothing is being withdrawn; ask for it first',
  NothingOwed: () => 'nothing is owed to this account',
  AboveFreeStake: ([asked, free]) =>
    `${sum(asked)} asked for, ${sum(free)} free: the rest is needed by jobs, or not staked`,
  BelowMinimum: ([left, least]) => `a stake of ${sum(left)} would be left, and the least is ${sum(least)}`,
  NotRegistered: () => 'the account has no stake',
  WrongBudget: ([sent, budget]) => `${sum(sent)} sent, the budget is ${sum(budget)}`,
  TooEarly: ([from]) => `not before ${time(from)}`,
  TooLate: ([until]) => `not after ${time(until)}`,
}

/** A reason as people read it. */
export function revertText({ name, args }: RevertReason): string {
  const text = TEXTS[name]?.(args)
  if (text !== undefined) return `${name}: ${text}`
  return args.length === 0 ? name : `${name} (${args.map(String).join(', ')})`
}
