import { LIMITS, ProtocolError } from '@tempered/protocol'
import type { Membership } from '../epochs/membership.js'
import { InboundError, ignore, reject } from './inbound-error.js'

/** A change of the run from the wire, with signatures. Throws InboundError. */
export function takeChange(
  bytes: Uint8Array,
  membership: Pick<Membership, 'take'>,
  via: 'gossip' | 'peer',
): void {
  // [REJECT] Within the size limit.
  if (bytes.byteLength > LIMITS.maxChangeBytes) throw reject('E_TOO_LARGE', 'change over the size limit')
  let offer: ReturnType<Membership['take']>
  try {
    // [REJECT] Canonical, of this run, all signatures genuine.
    // [IGNORE] Of an epoch that is known here, signed by somebody who has a say, with an effect, in time.
    offer = membership.take(bytes, via)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    const depends = error.code === 'E_EPOCH' || error.code === 'E_CHANGE'
    throw new InboundError(depends ? 'ignore' : 'reject', error.code, error.message)
  }
  // [IGNORE] New, or with new signatures.
  if (offer === 'known') throw ignore('E_DUPLICATE', 'already known')
}
