/** Why something in a node failed. Codes are stable: they appear in logs, metrics, ledgers and exit codes. */
export type NodeErrorCode =
  // transfers and streams
  | 'E_TIMEOUT'
  | 'E_NO_CONNECTION'
  | 'E_STREAM'
  | 'E_NOT_FOUND'
  | 'E_NOT_ADMITTED'
  | 'E_REFUSED'
  | 'E_HASH_MISMATCH'
  | 'E_NOT_FINITE'
  | 'E_MALFORMED'
  | 'E_TOO_LARGE'
  | 'E_STOPPED'
  // state
  | 'E_STATE_IN_USE'
  | 'E_STATE_CORRUPT'
  | 'E_ROLLED_BACK'
  | 'E_WRONG_RUN'
  | 'E_KEY'
  | 'E_IO'
  | 'E_INITIAL_PARAMETERS'
  | 'E_NOT_A_MEMBER'
  | 'E_RULE_UNSUPPORTED'
  | 'E_LISTEN'
  // simulations
  | 'E_STUCK'

/** Every error that leaves this package's network, ledger and round parts. */
export class NodeError extends Error {
  override readonly name = 'NodeError'
  readonly code: NodeErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: NodeErrorCode, message: string, details: Record<string, unknown> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.details = details
  }
}

/** The `E_…` code of any error, for logs, metrics and ledgers. Unknown errors are `E_INTERNAL`. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' && code.startsWith('E_') ? code : 'E_INTERNAL'
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
