/** What goes wrong between a client and its RPC, in one line that shows no address: it may hold a password or a key. */

import { BaseError, HttpRequestError, type PublicClient, RpcRequestError, TimeoutError } from 'viem'
import { NO_REASON, revertReason } from '../contracts/revert-reason.js'
import { SettlementError } from '../errors.js'

/** The host of an RPC's address, which messages may show. */
export const hostOf = (rpc: string): string => new URL(rpc).host

/** What an RPC has answered, or why it has not. */
export function rpcText(error: unknown): string {
  if (!(error instanceof BaseError)) {
    const { code, message = String(error) } = error as { code?: string; message?: string }
    if (code === 'ECONNREFUSED') return 'connection refused'
    // Thrown where an answer is read that is not what the question was about.
    return error instanceof TypeError || error instanceof SyntaxError
      ? 'its answer makes no sense'
      : firstLine(message)
  }
  const found = error.walk(
    (one) => one instanceof RpcRequestError || one instanceof HttpRequestError || one instanceof TimeoutError,
  )
  if (found instanceof TimeoutError) return 'it did not answer in time'
  if (found instanceof RpcRequestError) return `it answered with an error: ${firstLine(found.details)}`
  if (found instanceof HttpRequestError) {
    const { status, cause } = found
    if (status !== undefined) return `it answered with HTTP status ${status}`
    const code = codeOf(cause)
    return code === 'ECONNREFUSED' ? 'connection refused' : (code ?? 'its answer is not JSON-RPC')
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

/** Errors that say what was found, not that nobody answered. */
const FINDINGS = new Set([
  'TransactionReceiptNotFoundError',
  'TransactionNotFoundError',
  'BlockNotFoundError',
])

/** The error of a question to an RPC as SettlementError E_RPC; refusals of contracts and findings stay what they are. */
function plain(host: string, isRead: boolean, error: unknown): unknown {
  if (error instanceof SettlementError || FINDINGS.has((error as Error).name)) return error
  if (isRead && isForeign(error))
    return new SettlementError(
      'E_CONTRACT',
      `${host}: a contract answered as none of Tempered's does; check the addresses of the contracts`,
      {},
      error,
    )
  if (revertReason(error) !== undefined) return error
  return new SettlementError('E_RPC', `${host}: ${rpcText(error)}`, { host }, error)
}

/** Whether what was read is no contract of ours: ours answer, or refuse with a reason. */
function isForeign(error: unknown): boolean {
  if (!(error instanceof BaseError)) return false
  if (error.walk((one) => (one as Error).name === 'ContractFunctionZeroDataError') !== null) return true
  return revertReason(error)?.name === NO_REASON
}

/** A client whose questions fail with one plain line, whoever asks. */
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
