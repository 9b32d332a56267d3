/** Errors between a client and its RPC, in one line without the URL, which may contain a password or a key. */

import { BaseError, HttpRequestError, type PublicClient, RpcRequestError, TimeoutError } from 'viem'
import { NO_REASON, revertReason } from '../contracts/revert-reason.js'
import { SettlementError } from '../errors.js'

/** The host of an RPC's URL, which messages may show. */
export const hostOf = (rpc: string): string => new URL(rpc).host

/** The error that an RPC returned, or why it did not answer. */
export function rpcText(error: unknown): string {
  if (!(error instanceof BaseError)) {
    const { code, message = String(error) } = error as { code?: string; message?: string }
    if (code === 'ECONNREFUSED') return 'connection refused'
    // Thrown where an unexpected response is read.
    return error instanceof TypeError || error instanceof SyntaxError
      ? 'invalid response'
      : firstLine(message)
  }
  const found = error.walk(
    (one) => one instanceof RpcRequestError || one instanceof HttpRequestError || one instanceof TimeoutError,
  )
  if (found instanceof TimeoutError) return 'request timed out'
  if (found instanceof RpcRequestError) return `error response: ${firstLine(found.details)}`
  if (found instanceof HttpRequestError) {
    const { status, cause } = found
    if (status !== undefined) return `HTTP status ${status}`
    const code = codeOf(cause)
    return code === 'ECONNREFUSED' ? 'connection refused' : (code ?? 'no JSON-RPC response')
  }
  return firstLine(error.shortMessage)
}

const firstLine = (text: string): string => text.split('\n', 1)[0]!.slice(0, 300)

/** The code of the system's error below an error of fetch. */
function codeOf(error: unknown): string | undefined {
  for (let one = error as { code?: unknown; cause?: unknown } | undefined; one; ) {
    if (typeof one.code === 'string') return one.code
    one = one.cause as typeof one
  }
  return undefined
}

/** Errors that report a result, not a failed request. */
const FINDINGS = new Set([
  'TransactionReceiptNotFoundError',
  'TransactionNotFoundError',
  'BlockNotFoundError',
])

/** The error of a request to an RPC as SettlementError E_RPC; reverts of contracts and results are kept as they are. */
function plain(host: string, isRead: boolean, error: unknown): unknown {
  if (error instanceof SettlementError || FINDINGS.has((error as Error).name)) return error
  if (isRead && isForeign(error))
    return new SettlementError(
      'E_CONTRACT',
      `${host}: a contract is not one of Tempered's; check the addresses of the contracts`,
      {},
      error,
    )
  if (revertReason(error) !== undefined) return error
  return new SettlementError('E_RPC', `${host}: ${rpcText(error)}`, { host }, error)
}

/** Whether what was read is not one of our contracts: ours answer, or revert with a reason. */
function isForeign(error: unknown): boolean {
  if (!(error instanceof BaseError)) return false
  if (error.walk((one) => (one as Error).name === 'ContractFunctionZeroDataError') !== null) return true
  return revertReason(error)?.name === NO_REASON
}

/** Whether an RPC answered with an error: it is reachable and refuses the request. */
export function isRefusal(error: unknown): boolean {
  const inner = error instanceof BaseError ? error : (error as { cause?: unknown }).cause
  return inner instanceof BaseError && inner.walk((one) => one instanceof RpcRequestError) !== null
}

/** A client whose requests fail with a plain one-line message. */
export function withPlainErrors(reader: PublicClient, rpc: string): PublicClient {
  const host = hostOf(rpc)
  return new Proxy(reader, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        const result: unknown = member.apply(target, args)
        if (!(result instanceof Promise)) return result
        return result.catch((error: unknown) => {
          throw plain(host, name === 'readContract', error)
        })
      }
    },
  })
}
