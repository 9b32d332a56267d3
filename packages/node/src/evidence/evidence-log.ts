import { documentCid, type Evidence, LIMITS, openEvidence, type Run } from '@tempered/protocol'
import { errorMessage, NodeError } from '../errors.js'
import type { CarSection } from '../ledger/car.js'
import { openCarLog } from '../ledger/car-log.js'

/**
 * This node's evidence on disk: an offender stays quarantined after a restart, and peers can ask for the evidence.
 */
export interface EvidenceLog {
  readonly all: readonly Evidence[]
  /** On disk (fsync) before it resolves; only the first piece about each offender is kept. */
  record(evidence: Evidence): Promise<void>
  close(): Promise<void>
}

export const EVIDENCE_FILE = 'evidence.car'

/** Opens or creates the log. Everything in it is checked again. Throws E_STATE_CORRUPT, E_WRONG_RUN, E_IO. */
export async function openEvidenceLog(path: string, run: Run): Promise<EvidenceLog> {
  const all: Evidence[] = []
  const visit = (section: CarSection): void => {
    try {
      all.push(openEvidence(section.bytes.slice(), run))
    } catch (error) {
      throw new NodeError(
        'E_STATE_CORRUPT',
        `${path}, byte ${section.start}: ${errorMessage(error)}; restore the file from a copy`,
        { path, offset: section.start },
        error,
      )
    }
  }
  const { log } = await openCarLog(path, run.id, LIMITS.maxEvidenceBytes, visit)
  return {
    all,
    async record(evidence) {
      if (all.some(({ offender }) => offender === evidence.offender)) return
      all.push(evidence)
      await log.append(documentCid(evidence.bytes), evidence.bytes)
    },
    close: () => log.close(),
  }
}
