import { type Evidence, LIMITS, openEvidence, type Run } from '@tempered/protocol'
import { ignore, reject, rejecting } from './inbound-error.js'

/** Evidence from the wire: proven from its bytes alone, whoever sent it. Throws InboundError. */
export function validateEvidence(bytes: Uint8Array, run: Run, quarantined: ReadonlySet<string>): Evidence {
  // [REJECT] Within the size limit.
  if (bytes.byteLength > LIMITS.maxEvidenceBytes) throw reject('E_TOO_LARGE', 'evidence over the size limit')
  // [REJECT] Canonical, of this run, about a member, a real contradiction, both signatures genuine.
  const evidence = rejecting(() => openEvidence(bytes, run))
  // [IGNORE] About somebody who is not quarantined yet.
  if (quarantined.has(evidence.offender)) throw ignore('E_DUPLICATE', 'already quarantined')
  return evidence
}
