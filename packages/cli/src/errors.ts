import { TemperedError } from '@tempered/errors'

/** Errors of the command line itself; each code has an exit code in exit-codes.ts. */
export type CliErrorCode =
  | 'E_USAGE'
  | 'E_CHAIN_INVALID'
  | 'E_CONFIG'
  | 'E_DIVERGED'
  | 'E_FILE'
  | 'E_GOAL_MISSED'
  | 'E_INITIAL_PARAMETERS'
  | 'E_KEY'
  | 'E_LEDGER_INVALID'
  | 'E_LISTEN'
  | 'E_NODES_FAILED'
  | 'E_NOT_RUNNING'
  | 'E_NO_ANSWER'
  | 'E_REPLAY_DIFFERS'
  | 'E_UNPROVEN'
  | 'E_NOT_CONVINCING'
  | 'E_CONTRADICTION'
  | 'E_SOCKET'
  | 'E_STATE_IN_USE'
  | 'E_BACKUP'
  | 'E_WRONG_RUN'

/** Every error that this package raises itself. */
export class CliError extends TemperedError<CliErrorCode, Readonly<Record<string, unknown>>> {
  override readonly name = 'CliError'

  constructor(code: CliErrorCode, message: string, details: Record<string, unknown> = {}, cause?: unknown) {
    super(code, message, details, cause)
  }
}
