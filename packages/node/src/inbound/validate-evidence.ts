import { type Evidence, LIMITS, openEvidence, type Run } from '@tempered/protocol'
import { errorCode, errorMessage } from '../errors.js'
import { ignore, reject } from './inbound-error.js'

/** Evidence from the wire: proven from its bytes alone, whoever sent it. Throws InboundError. */
export function validateEvidence(bytes: Uint8Array, run: Run, quarantined: ReadonlySet<string>): Evidence {
  // [REJECT] Within the size limit.
  if (bytes.byteLength > LIMITS.maxEvidenceBytes) throw reject('E_TOO_LARGE', 'evidence over the size limit')
  let evidence: Evidence
  try {
    // [REJECT] Canonical, of this run, about a member, a real contradiction, both signatures genuine.
    evidence = openEvidence(bytes, run)
  } catch (error) {
    throw reject(errorCode(error), errorMessage(error))
  }
  // [IGNORE] About somebody who is not quarantined yet.
  if (quarantined.has(evidence.offender)) throw ignore('E_DUPLICATE', 'already quarantined')
  return evidence
}
