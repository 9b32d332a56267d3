import { TemperedError } from '@tempered/errors'

/** Why something on the chain of settlement was not done. */
export type SettlementErrorCode =
  /** The RPC does not answer, or answers with an error that may pass. */
  | 'E_RPC'
  /** The RPC serves another chain than the configuration names. */
  | 'E_CHAIN_ID'
  /** There is no contract at an address, or none of a job's number. */
  | 'E_CONTRACT'
  /** A contract refused a call; the message has its reason. */
  | 'E_REVERTED'
  /** The account cannot pay. */
  | 'E_FUNDS'
  /** A binding of peer and account that the peer has not signed. */
  | 'E_BINDING'
  /** A job's document or terms are not what they must be. */
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
