import { TemperedError } from '@tempered/errors'

/** Why a block or a chain was refused. */
export type ChainErrorCode =
  /** No architecture has this name. */
  | 'E_CHAIN_UNKNOWN'
  /** A parameter of the architecture is unknown or out of range. */
  | 'E_CHAIN_PARAMS'
  /** Height, round or parent do not follow from the block before. */
  | 'E_BLOCK_LINK'
  /** Its author may not write it. */
  | 'E_BLOCK_PROPOSER'
  /** What makes it valid in its architecture is missing or wrong. */
  | 'E_BLOCK_PROOF'
  /** The list of ledger heads or of candidates is out of order, or does not have the root that the block states. */
  | 'E_BLOCK_LISTS'
  /** Two blocks are final that exclude each other: more members lie than the architecture bears. */
  | 'E_CHAIN_SPLIT'
  /** An architecture of a user's own does not do what it must. */
  | 'E_MODULE'

/** Every error that leaves this package, beside the ProtocolErrors of documents. */
export class ChainError extends TemperedError<ChainErrorCode, Readonly<Record<string, unknown>>> {
  override readonly name = 'ChainError'

  constructor(code: ChainErrorCode, message: string, details: Record<string, unknown> = {}) {
    super(code, message, details)
  }
}
