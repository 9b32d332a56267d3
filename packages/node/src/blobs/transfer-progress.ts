import { createHash } from 'node:crypto'
import { cidFromDigest, RAW } from '@tempered/protocol'

/**
 * How far a blob has arrived: over breaks of the stream, and whoever sent the parts. The parts are hashed in the order
 * of their bytes as they arrive, so that nothing is read twice.
 */
export interface TransferProgress {
  /** How many of the blob's first bytes are in their place and hashed. */
  readonly received: number
  /** Everyone who sent some of them. */
  readonly senders: ReadonlySet<string>
  /** `bytes`, the next ones of the blob, came from `sender` and are in their place. */
  add(bytes: Uint8Array, sender: string): void
  /** CID of the bytes received. */
  cid(): string
  /** Forgets everything, to begin at the first byte again. */
  restart(): void
}

export function createTransferProgress(): TransferProgress {
  let hash = createHash('sha256')
  let received = 0
  const senders = new Set<string>()
  return {
    get received() {
      return received
    },
    senders,
    add(bytes, sender) {
      hash.update(bytes)
      received += bytes.byteLength
      senders.add(sender)
    },
    cid: () => cidFromDigest(RAW, hash.copy().digest()).toString(),
    restart() {
      hash = createHash('sha256')
      received = 0
      senders.clear()
    },
  }
}
