import { ChainError } from '@tempered/chain'
import { ProtocolError } from '@tempered/protocol'

/**
 * Why an inbound message is dropped. `ignore`: not useful to us now, but its sender may be honest. `reject`: no
 * honest node sends or forwards such a message, and gossip scoring may punish the sender.
 */
export class InboundError extends Error {
  override readonly name = 'InboundError'
  readonly action: 'ignore' | 'reject'
  readonly code: string

  constructor(action: 'ignore' | 'reject', code: string, message: string) {
    super(message)
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
 */
export function rejecting<T>(check: () => T): T {
  try {
    return check()
  } catch (error) {
    throw error instanceof ProtocolError || error instanceof ChainError
      ? reject(error.code, error.message)
      : error
  }
}
