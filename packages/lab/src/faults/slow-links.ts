import { type Clock, NodeError, type RunNetwork, sleep } from '@tempered/node'
import type { Manifest } from '@tempered/protocol'
import type { LinkSpeed } from './conditions.js'

export interface SlowLinksInit {
  readonly clock: Clock
  readonly deadlines: Pick<Manifest['deadlines'], 'firstByteMs' | 'transferMs'>
  /** The current speed of the link to a peer; undefined: not slowed. */
  speedOf(peer: string): LinkSpeed | undefined
}

/**
 * A network with some slow links. A request takes the latency twice, and a model also takes the time that its bytes
 * need. Both fail at the deadlines of a real transfer. What a peer at a slow link broadcasts (announcements, heads)
 * arrives one latency later, even if others forwarded it.
 */
export function slowLinks(network: RunNetwork, init: SlowLinksInit): RunNetwork {
  const { clock, deadlines } = init
  const { borrowModel } = network

  const wait = async (peer: string, bytes: number, signal: AbortSignal): Promise<void> => {
    const speed = init.speedOf(peer)
    if (speed === undefined) return
    const { latencyMs, bytesPerSecond } = speed
    const carryMs = bytesPerSecond === undefined ? 0 : (bytes / bytesPerSecond) * 1000
    const late = 2 * latencyMs > deadlines.firstByteMs
    const long = carryMs > deadlines.transferMs
    await sleep(
      clock,
      late ? deadlines.firstByteMs : 2 * latencyMs + Math.min(carryMs, deadlines.transferMs),
      signal,
    )
    signal.throwIfAborted()
    if (late) throw new NodeError('E_TIMEOUT', `no first byte from ${peer} in ${deadlines.firstByteMs} ms`)
    if (long)
      throw new NodeError('E_TIMEOUT', `${bytes} bytes from ${peer} took over ${deadlines.transferMs} ms`)
  }

  /** Delivers a message of `author` one latency later. */
  const delayed = (author: string, act: () => void): void => {
    const latencyMs = init.speedOf(author)?.latencyMs ?? 0
    if (latencyMs === 0) act()
    else clock.after(latencyMs, act)
  }

  return {
    ...network,
    start: (handlers) =>
      network.start({
        ...handlers,
        announcement: (message) => delayed(message.body.author, () => handlers.announcement(message)),
        head: (message) => delayed(message.head.body.author, () => handlers.head(message)),
      }),
    async fetchModel(peer, cid, into, signal, progress) {
      await wait(peer, into.byteLength - (progress?.received ?? 0), signal)
      return network.fetchModel(peer, cid, into, signal, progress)
    },
    ...(borrowModel && {
      async borrowModel(peer, cid, byteLength, signal) {
        await wait(peer, byteLength, signal)
        return borrowModel(peer, cid, byteLength, signal)
      },
    }),
    async pollStatus(peer, fromRound, signal) {
      await wait(peer, 0, signal)
      return network.pollStatus(peer, fromRound, signal)
    },
    async fetchDigests(peer, author, from, signal) {
      await wait(peer, 0, signal)
      return network.fetchDigests(peer, author, from, signal)
    },
    async fetchEntries(peer, from, signal, author) {
      await wait(peer, 0, signal)
      return network.fetchEntries(peer, from, signal, author)
    },
    async fetchFinalHeads(peer, signal) {
      await wait(peer, 0, signal)
      return network.fetchFinalHeads(peer, signal)
    },
  }
}
