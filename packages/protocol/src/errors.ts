import { TemperedError } from '@tempered/errors'

/** Why bytes, a document or a chain were rejected. Codes are stable: logs, metrics and ledgers contain them. */
export type ProtocolErrorCode =
  | 'E_TOO_LARGE'
  | 'E_NOT_CANONICAL'
  | 'E_MALFORMED'
  | 'E_UNSUPPORTED_VERSION'
  | 'E_WRONG_RUN'
  | 'E_NOT_A_MEMBER'
  | 'E_WRONG_AUTHOR'
  | 'E_SIGNATURE'
  | 'E_STATEMENT'
  | 'E_ROUND_RANGE'
  | 'E_MODEL_LENGTH'
  | 'E_MODEL_HEADER'
  | 'E_HASH_MISMATCH'
  | 'E_HEIGHT'
  | 'E_PARENT'
  | 'E_ROUND_ORDER'
  | 'E_RULE_MISMATCH'
  | 'E_NEIGHBOURS'
  | 'E_START'
  | 'E_CONTRIBUTION'
  | 'E_PRIVACY'
  | 'E_DIFFERENTIAL_PRIVACY'
  | 'E_EVIDENCE'
  | 'E_PROOF'
  | 'E_ROLLED_BACK'
  | 'E_MANIFEST'
  | 'E_CHANGE'
  | 'E_EPOCH'

/** Every error that leaves this package. `message` says what is wrong, where, and how to fix it. */
export class ProtocolError extends TemperedError<ProtocolErrorCode, Readonly<Record<string, unknown>>> {
  override readonly name = 'ProtocolError'

  constructor(code: ProtocolErrorCode, message: string, details: Record<string, unknown> = {}) {
    super(code, message, details)
  }
}
