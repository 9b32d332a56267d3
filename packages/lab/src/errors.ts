import { TemperedError } from '@tempered/errors'

/** Why an experiment could not be read, run or scored. Codes are stable. */
export type LabErrorCode =
  | 'E_CONFIG'
  | 'E_DIVERGED'
  | 'E_FILE'
  | 'E_IO'
  | 'E_LEDGER_INVALID'
  | 'E_MODULE'
  | 'E_NODES_FAILED'
  | 'E_UNPROVEN'
  | 'E_USAGE'

/** Every error that this package raises itself. */
export class LabError extends TemperedError<LabErrorCode, Readonly<Record<string, unknown>>> {
  override readonly name = 'LabError'

  constructor(code: LabErrorCode, message: string, details: Record<string, unknown> = {}, cause?: unknown) {
    super(code, message, details, cause)
  }
}
