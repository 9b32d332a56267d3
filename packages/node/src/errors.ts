import { TemperedError } from '@tempered/errors'

export { errorCode, errorMessage } from '@tempered/errors'

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
  // models from IPFS
  | 'E_BAD_CID'
  | 'E_MODEL_LENGTH'
  // state
  | 'E_STATE_IN_USE'
  | 'E_STATE_CORRUPT'
  | 'E_ROLLED_BACK'
  | 'E_WRONG_RUN'
  | 'E_KEY'
  | 'E_IO'
  | 'E_INITIAL_PARAMETERS'
  | 'E_NOT_A_MEMBER'
  | 'E_INVITATION'
  | 'E_ACCOUNT'
  | 'E_RULE_UNSUPPORTED'
  | 'E_PRIVACY_UNSUPPORTED'
  | 'E_CHAIN_UNSUPPORTED'
  | 'E_NO_AGREEMENT'
  | 'E_LISTEN'
  // training
  | 'E_DIVERGED'
  // simulations
  | 'E_STUCK'

/** Every error that leaves this package's network, ledger and round parts. */
export class NodeError extends TemperedError<NodeErrorCode, Readonly<Record<string, unknown>>> {
  override readonly name = 'NodeError'

  constructor(code: NodeErrorCode, message: string, details: Record<string, unknown> = {}, cause?: unknown) {
    super(code, message, details, cause)
  }
}
