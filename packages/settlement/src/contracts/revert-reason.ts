/** Why a contract reverted a call. It may pass on an error of another contract, which its own ABI does not list. */

import {
  type Abi,
  BaseError,
  ContractFunctionRevertedError,
  decodeErrorResult,
  ExecutionRevertedError,
  formatEther,
  type Hex,
  RpcRequestError,
} from 'viem'
import { JOB_STATES } from '../jobs/job-state.js'
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

/** Name of a missing reason. */
export const NO_REASON = 'no reason'

/** The reason in an error of viem; undefined for errors that are not a contract's. */
export function revertReason(error: unknown): RevertReason | undefined {
  if (!(error instanceof BaseError)) return undefined
  const reverted = error.walk((one) => one instanceof ContractFunctionRevertedError)
  if (!(reverted instanceof ContractFunctionRevertedError)) return deploymentReason(error)
  const { data, raw, reason, signature } = reverted
  if (data !== undefined) return { name: data.errorName, args: data.args ?? [] }
  const given = reason === undefined || /^execution reverted$/i.test(reason) ? signature : reason
  return known(raw) ?? { name: given ?? NO_REASON, args: [] }
}

/** The same where no function was called: a constructor's, which viem leaves in the answer of the RPC. */
function deploymentReason(error: BaseError): RevertReason | undefined {
  if (error.walk((one) => one instanceof ExecutionRevertedError) === null) return undefined
  const answered = error.walk((one) => one instanceof RpcRequestError) as { data?: unknown } | null
  return known(answered?.data as Hex | undefined) ?? { name: NO_REASON, args: [] }
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

/** Errors that users can act on, in plain words; messages begin with the contract's error name, for searching. */
const TEXTS: Readonly<Record<string, (args: readonly unknown[]) => string>> = {
  StakeHeld: ([until]) => `the stake is held for an open verdict until ${time(until)}`,
  NotReleased: ([from]) => `available from ${time(from)}`,
  NothingUnbonding: () => 'nothing to withdraw; start with `tempered settlement unstake`',
  NothingOwed: () => 'the account has no unclaimed earnings',
  AboveFreeStake: ([asked, free]) =>
    asked === 0n
      ? 'the amount must be more than 0'
      : `${sum(asked)} requested, but only ${sum(free)} is free (the rest is locked by jobs, or was never staked)`,
  BelowMinimum: ([left, least]) => `would leave a stake of ${sum(left)}; the minimum is ${sum(least)}`,
  NotRegistered: () => 'the account is not registered; stake first with `tempered settlement stake`',
  AlreadyRegistered: () => 'the account is already bound to a peer',
  WrongBudget: ([sent, budget]) => `${sum(sent)} sent, but the budget is ${sum(budget)}`,
  WrongState: ([, state]) =>
    state === 0 ? 'there is no such job' : `the job is ${JOB_STATES[Number(state)]}`,
  NotUser: () => 'only the user who posted the job can cancel it before the acceptance deadline',
  NothingLocked: () => 'the account has no stake locked in this job',
  PlaceTooLong: ([length]) => `the announced addresses have ${length} characters; announce fewer`,
  TooEarly: ([from]) => `not before ${time(from)}`,
  TooLate: ([until]) => `the deadline was ${time(until)}`,
  AlreadyOpen: () => 'the run is already registered',
  NotMember: ([, account]) => `account ${account} is not a member of the run, or a signature is wrong`,
  TooFewSignatures: ([given, needed]) =>
    needed === 0n ? 'there is no such run' : `${given} given; the quorum is ${needed}`,
  NotHigher: ([height, anchored]) => `entry ${height} is not above the last anchored entry, ${anchored}`,
  NotAMember: ([, account]) => `account ${account} is not a member of the run`,
  AlreadyPunished: () => 'this contradiction has already been punished',
  NoStake: ([account]) => `account ${account} has no stake left to slash`,
  NoSuchCase: () => 'there is no such verdict; see `tempered settlement verdicts`',
  CaseClosed: () => 'the verdict is already executed or void',
  CaseExpired: () => 'the verdict was not executed in time and has expired',
  NotAccused: () => 'only the account that the verdict is against can appeal',
  AppealedBefore: () => 'the verdict was already appealed, which is possible once',
  AppealOver: () => 'the appeal period is over',
  RunOver: () => 'it is too late for a verdict in this run',
  RunIncomplete: () => 'not all members have joined the run yet',
  WrongProof: () => 'the file is not the proof of the appeal',
  NotRetractable: () => 'signatures can be withdrawn only after an appeal',
}

/** A reason in plain words. */
export function revertText({ name, args }: RevertReason): string {
  const text = TEXTS[name]?.(args)
  if (text !== undefined) return `${name}: ${text}`
  return args.length === 0 ? name : `${name} (${args.map(String).join(', ')})`
}
