import { accuseModel, type Evidence, type Run, type SignedAnnouncement } from '@tempered/protocol'
import type { BlobStore } from '../blobs/store.js'
import type { Logger } from '../logger.js'
import type { RunNetwork } from '../transport/network.js'
import { type Accusations, createAccusations } from './accusations.js'
import type { EvidenceLog } from './evidence-log.js'

/**
 * Everything that can convict a member, and the consequences: quarantine, a record on disk, and a message to the
 * others.
 */
export interface Convictions {
  readonly accusations: Accusations
  /** A neighbour announced bytes that are not a model: keeps a copy as proof, then convicts. `bytes` are only lent. */
  invalidModel(announcement: SignedAnnouncement, bytes: Uint8Array): void
  /** Evidence that this node has made and that proves itself. */
  convict(evidence: Evidence): void
  /** Writes evidence against a member that is now quarantined to disk. */
  record(evidence: Evidence): void
}

export interface ConvictionsComponents {
  readonly run: Run
  readonly network: Pick<RunNetwork, 'fetchModel' | 'publishEvidence'>
  readonly blobs: BlobStore
  readonly evidence: EvidenceLog
  readonly logger: Logger
}

/** `quarantine` is called with evidence whose blobs convinced this node. */
export function createConvictions(
  { run, network, blobs, evidence: log, logger }: ConvictionsComponents,
  quarantine: (evidence: Evidence) => void,
): Convictions {
  const convict = (evidence: Evidence): void => {
    quarantine(evidence)
    void network.publishEvidence(evidence)
  }
  const onWriteError = (error: unknown): void => logger.error({ err: error }, 'evidence could not be written')
  return {
    accusations: createAccusations({ run, network, blobs, logger, onConvicted: convict }),
    invalidModel(announcement, bytes) {
      const accusation = accuseModel(announcement)
      blobs.pin(announcement.body.model.toString())
      blobs
        .put(bytes.slice())
        .then(() => convict(accusation))
        .catch(onWriteError)
    },
    convict,
    record(evidence) {
      log.record(evidence).catch(onWriteError)
    },
  }
}
