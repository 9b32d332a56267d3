import { TemperedError } from '@tempered/errors'

/** Why an operation on the settlement chain failed. */
export type SettlementErrorCode =
  /** The RPC does not answer, or answers with an error that may be temporary. */
  | 'E_RPC'
  /** The RPC serves another chain than the configured one. */
  | 'E_CHAIN_ID'
  /** There is no contract at an address, or no job with an id. */
  | 'E_CONTRACT'
  /** A contract rejected a call; the message has the reason. */
  | 'E_REVERTED'
  /** The account has insufficient funds. */
  | 'E_FUNDS'
  /** A binding of peer and account that the peer has not signed. */
  | 'E_BINDING'
  /** A job's document or terms are invalid. */
  | 'E_JOB'

/** Every error that leaves this package. */
export class SettlementError extends TemperedError<SettlementErrorCode, Readonly<Record<string, unknown>>> {
  override readonly name = 'SettlementError'

  constructor(
    code: SettlementErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(code, message, details, cause)
  }
}
