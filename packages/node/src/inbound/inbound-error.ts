import { ChainError } from '@tempered/chain'
import { printableLine } from '@tempered/errors'
import { ProtocolError } from '@tempered/protocol'

/**
 * What becomes of a message that is dropped. `ignore`: not useful to us now, but its sender may be honest. `reject`:
 * every honest node finds this fault before it forwards a message, so whoever sent it to us is to blame. `blame-author`:
 * honest nodes may have passed it on without looking, so only its publisher is to blame.
 */
export type InboundAction = 'ignore' | 'reject' | 'blame-author'

/** Why an inbound message is dropped. */
export class InboundError extends Error {
  override readonly name = 'InboundError'
  readonly action: InboundAction
  readonly code: string

  constructor(action: InboundAction, code: string, message: string) {
    // It may quote what a peer sent.
    super(printableLine(message))
    this.action = action
    this.code = code
  }
}

export const ignore = (code: string, message: string): InboundError =>
  new InboundError('ignore', code, message)
export const reject = (code: string, message: string): InboundError =>
  new InboundError('reject', code, message)

/**
 * Runs a check of the protocol or of a chain and turns its error into a rejection. Any other error is a bug of ours and is
 * rethrown.
 *
 * @param action - `blame-author` for what not every honest node checks, `ignore` for what depends on what a node knows
 */
export function rejecting<T>(check: () => T, action: InboundAction = 'reject'): T {
  try {
    return check()
  } catch (error) {
    throw error instanceof ProtocolError || error instanceof ChainError
      ? new InboundError(action, error.code, error.message)
      : error
  }
}
