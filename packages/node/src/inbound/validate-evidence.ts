import { decodeEvidence, type Evidence, LIMITS, openEvidence, type Run } from '@tempered/protocol'
import { ignore, reject, rejecting } from './inbound-error.js'

/**
 * Evidence from the wire: what its bytes prove is proven, regardless of the sender. Evidence that also needs blobs is
 * accepted as an accusation if the accused signed the statement in question. Throws InboundError.
 */
export function validateEvidence(bytes: Uint8Array, run: Run, quarantined: ReadonlySet<string>): Evidence {
  // [REJECT] Within the size limit.
  if (bytes.byteLength > LIMITS.maxEvidenceBytes) throw reject('E_TOO_LARGE', 'evidence over the size limit')
  // [IGNORE] About a member that is not quarantined yet: otherwise checking signatures would be useless.
  const claimed = rejecting(() => decodeEvidence(bytes))
  if (quarantined.has(claimed.offender)) throw ignore('E_DUPLICATE', 'already quarantined')
  // [REJECT] Of this run, about a member, a real contradiction, all signatures genuine.
  return rejecting(() => openEvidence(bytes, run))
}
