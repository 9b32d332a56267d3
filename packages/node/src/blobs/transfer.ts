import { pipe } from 'it-pipe'
import { NodeError } from '../errors.js'
import type { DirectProtocols } from '../transport/direct-protocols.js'
import type { FramedStream } from '../transport/framed-stream.js'
import { replySchema } from './exchange.js'
import type { TransferProgress } from './transfer-progress.js'

/** One blob on its way from a peer. */
export interface Transfer {
  readonly peer: string
  readonly cid: string
  readonly into: Uint8Array
  readonly progress: TransferProgress
  /** Deadline of the whole, or the caller's. */
  readonly signal: AbortSignal
  /** Windows up to here have been requested on the current stream. */
  asked: number
  readonly settled: boolean
  /** Was requested on a stream that the peer had closed meanwhile; this happens once. */
  repeated: boolean
  settle(error?: Error): void
}

export interface Window {
  readonly transfer: Transfer
  readonly length: number
  /** The first that was requested of its transfer on this stream. */
  readonly isFirst: boolean
}

export interface TransferInit extends Pick<Transfer, 'peer' | 'cid' | 'into' | 'progress'> {
  readonly whole: ReturnType<DirectProtocols['deadline']>
  onAbort(transfer: Transfer): void
  onSettled(transfer: Transfer, error: Error | undefined): void
}

export function createTransfer(init: TransferInit): Transfer {
  const { whole, onSettled, onAbort, ...about } = init
  let settled = false
  const transfer: Transfer = {
    ...about,
    signal: whole.signal,
    asked: about.progress.received,
    get settled() {
      return settled
    },
    repeated: false,
    settle(error) {
      if (settled) return
      settled = true
      whole.signal.removeEventListener('abort', abort)
      whole.clear()
      onSettled(transfer, error)
    },
  }
  const abort = (): void => onAbort(transfer)
  whole.signal.addEventListener('abort', abort)
  return transfer
}

/** Settles a transfer whose bytes have all arrived. */
export function finish({ peer, cid, progress, settle }: Transfer): void {
  const got = progress.cid()
  if (got === cid) settle()
  else settle(new NodeError('E_HASH_MISMATCH', `${cid} was announced, but ${peer} sent the end of ${got}`))
}

/** Takes the answer to a request: stream → place in the blob → hash. What comes of a settled transfer is dropped. */
export async function receiveWindow(
  frames: FramedStream,
  { transfer, length, isFirst }: Window,
  deadline: DirectProtocols['deadline'],
): Promise<void> {
  const { peer, cid, into, progress } = transfer
  const late = transfer.settled ? deadline('transferMs') : undefined
  const whole = late?.signal ?? transfer.signal
  const first = isFirst ? deadline('firstByteMs', whole) : undefined
  try {
    const reply = replySchema.parse(await frames.readFrame(first?.signal ?? whole))
    first?.clear()
    if ('error' in reply) {
      transfer.settle(new NodeError('E_NOT_FOUND', `${peer} does not hold blob ${cid}`))
      return
    }
    const { byteLength } = into
    if (reply.total !== byteLength) {
      throw new NodeError(
        'E_MALFORMED',
        `blob ${cid} has ${reply.total} bytes at ${peer}, but ${byteLength} were announced`,
      )
    }
    await pipe(
      () => frames.pieces(length, whole),
      (pieces) => place(pieces, transfer),
      async (placed) => {
        for await (const bytes of placed) progress.add(bytes, peer)
      },
    )
    if (progress.received === byteLength && !transfer.settled) finish(transfer)
  } finally {
    first?.clear()
    late?.clear()
  }
}

/** Copies pieces to their place in the blob; no byte is written once its transfer has settled. */
async function* place(pieces: AsyncIterable<Uint8Array>, transfer: Transfer): AsyncGenerator<Uint8Array> {
  const { into, progress } = transfer
  for await (const piece of pieces) {
    if (transfer.settled) continue
    const offset = progress.received
    into.set(piece, offset)
    yield into.subarray(offset, offset + piece.byteLength)
  }
}
