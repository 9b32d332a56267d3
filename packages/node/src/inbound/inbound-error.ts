import { ProtocolError } from '@tempered/protocol'

/**
 * Why an inbound message goes no further. `ignore`: not useful to us now, its sender may be honest. `reject`: no
 * honest node sends or passes on such a message, and gossip scoring may punish whoever did.
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

/** Runs a protocol check: what it refuses is rejected. Any other error is a bug of ours and passes as it is. */
export function rejecting<T>(check: () => T): T {
  try {
    return check()
  } catch (error) {
    throw error instanceof ProtocolError ? reject(error.code, error.message) : error
  }
}
