import { peerIdFromString } from '@libp2p/peer-id'
import { STREAM_PROTOCOLS } from '@tempered/protocol'
import { NodeError } from '../errors.js'
import type { DirectProtocols, LastingStream } from '../transport/direct-protocols.js'
import { streamError } from '../transport/framed-stream.js'
import { createTransfer, finish, receiveWindow, type Transfer, type Window } from './transfer.js'
import type { TransferProgress } from './transfer-progress.js'

/**
 * All transfers from one peer, over one stream that stays open. Windows of all transfers are requested in turn, so
 * that the peer always has the next ones; it can never send more than was requested.
 */
export interface BlobChannel {
  fetch(cid: string, into: Uint8Array, signal: AbortSignal, progress: TransferProgress): Promise<void>
}

/**
 * A window and the reply before it fill one yamux frame, with its header of 12 bytes, and that 16 noise messages of
 * 65,535 bytes with tags of 16. Each frame costs a window update of yamux, so large ones are cheaper.
 */
const WINDOW_BYTES = 16 * (65_535 - 16) - 64
/** `maxInFlight`: below what may lie unread on a stream before it is reset. */
const DIRECT: Pace = { window: WINDOW_BYTES, maxInFlight: 3 * WINDOW_BYTES }
/** A relay holds what is in flight, and gossip with the peer waits behind it. */
const RELAYED: Pace = { window: 128 * 1024, maxInFlight: 512 * 1024 }
/** For models much smaller than a window. */
const MAX_WINDOWS_IN_FLIGHT = 64

interface Pace {
  readonly window: number
  readonly maxInFlight: number
}

/** What was requested on one stream and has not been received, in order. */
interface Session {
  readonly stream: LastingStream
  readonly windows: Window[]
  bytesInFlight: number
  /** Something has been received since the last time that nothing was on the way. */
  proven: boolean
}

/** @param onEmpty there is neither a transfer nor a usable stream any more */
export function createBlobChannel(direct: DirectProtocols, peer: string, onEmpty: () => void): BlobChannel {
  const what = `${STREAM_PROTOCOLS.blob} with ${peer}`
  let transfers: Transfer[] = []
  let session: Session | undefined
  let working = false

  const end = (reason: Error): void => {
    const ended = session
    session = undefined
    for (const transfer of transfers) transfer.asked = transfer.progress.received
    ended?.stream.abort(reason)
  }

  /** Given up while its bytes are on the way, a transfer takes the stream with it; the others go on on a new one. */
  const giveUp = (transfer: Transfer): void => {
    const error = streamError(transfer.signal.reason, what)
    transfer.settle(error)
    if (session?.windows.some((window) => window.transfer === transfer)) end(error)
  }

  /** The stream broke, or the peer broke the protocol, while the first window was being received. */
  const fail = ({ windows, proven }: Session, cause: unknown): void => {
    const error = streamError(cause, what)
    const guilty = windows[0]?.transfer
    end(error)
    for (const transfer of new Set(windows.map((window) => window.transfer))) {
      if (error.code === 'E_STREAM' && !proven && !transfer.repeated) transfer.repeated = true
      else if (transfer === guilty) transfer.settle(error)
      else transfer.settle(new NodeError('E_STREAM', `${what}: reset after ${error.message}`, {}, error))
    }
  }

  /** Receives until nothing is on the way, or the session has ended. */
  const receiveAll = async (current: Session): Promise<void> => {
    const { stream, windows } = current
    try {
      request(current, transfers)
      for (let next = windows[0]; next !== undefined && current === session; next = windows[0]) {
        await receiveWindow(stream.frames, next, direct.deadline)
        windows.shift()
        current.bytesInFlight -= next.length
        current.proven = windows.length > 0
        if (!current.proven && !stream.isOpen()) return
        request(current, transfers)
      }
    } catch (cause) {
      if (current === session) fail(current, cause)
    }
  }

  const work = async (): Promise<void> => {
    while (transfers.length > 0) {
      if (session?.stream.isOpen() === false) end(new NodeError('E_STREAM', `${what}: closed`))
      if (session === undefined) {
        const stream = await direct.open(peerIdFromString(peer), STREAM_PROTOCOLS.blob)
        session = { stream, windows: [], bytesInFlight: 0, proven: true }
      } else session.proven = false
      await receiveAll(session)
    }
  }

  const start = async (): Promise<void> => {
    working = true
    try {
      await work()
    } catch (error) {
      for (const transfer of transfers) transfer.settle(error as Error)
    } finally {
      working = false
      // Some may have come after `work` looked for the last time.
      if (transfers.length > 0) void start()
      else if (session?.stream.isOpen() !== true) onEmpty()
    }
  }

  const requestMore = (): void => {
    try {
      if (session?.stream.isOpen()) request(session, transfers)
    } catch {
      // The stream has just broken, which `receiveAll` notices.
    }
  }

  return {
    fetch: (cid, into, parent, progress) =>
      new Promise<void>((resolve, reject) => {
        const transfer = createTransfer({
          peer,
          cid,
          into,
          progress,
          whole: direct.deadline('transferMs', parent),
          onAbort: giveUp,
          onSettled(settled, error) {
            transfers = transfers.filter((other) => other !== settled)
            if (error === undefined) resolve()
            else reject(error)
          },
        })
        transfers.push(transfer)
        if (transfer.signal.aborted) giveUp(transfer)
        else if (progress.received === into.byteLength) finish(transfer)
        else if (working) requestMore()
        else void start()
      }),
  }
}

/** Requests what there is room for, several windows at a time. */
function request(session: Session, transfers: readonly Transfer[]): void {
  const { stream, windows } = session
  const { window, maxInFlight } = stream.isRelayed ? RELAYED : DIRECT
  // One message with several requests costs less than several.
  if (session.bytesInFlight > maxInFlight / 2) return
  const requests: unknown[] = []
  for (const transfer of transfers) {
    const { cid, into, progress } = transfer
    while (transfer.asked < into.byteLength) {
      const offset = transfer.asked
      const length = Math.min(window, into.byteLength - offset)
      if (session.bytesInFlight + length > maxInFlight || windows.length >= MAX_WINDOWS_IN_FLIGHT) break
      requests.push({ cid, offset, length })
      windows.push({ transfer, length, isFirst: offset === progress.received })
      transfer.asked += length
      session.bytesInFlight += length
    }
  }
  if (requests.length > 0) stream.frames.postFrames(requests)
}
