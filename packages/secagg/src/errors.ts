import { TemperedError } from '@tempered/errors'

/** Why a step of secure aggregation is not possible. */
export type SecaggErrorCode =
  /** A number of members, a threshold or a bound that fits no group. */
  | 'E_SHARING_PARAMS'
  /** A vector of another length, or an element that is none. */
  | 'E_SHARE_SHAPE'
  /** More wrong or missing shares than can be corrected. */
  | 'E_UNDECODABLE'
  /** A value that is not finite, or beyond the declared range. */
  | 'E_RANGE'

/** Every error that leaves this package. */
export class SecaggError extends TemperedError<SecaggErrorCode, Readonly<Record<string, unknown>>> {
  override readonly name = 'SecaggError'

  constructor(code: SecaggErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(code, message, details)
  }
}
