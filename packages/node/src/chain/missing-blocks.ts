import type { Block } from '@tempered/chain'
import { type Clock, sleep } from '../clock.js'
import { errorCode, errorMessage } from '../errors.js'
import type { Logger } from '../logger.js'
import type { RunNetwork } from '../transport/network.js'

/** Fetches blocks that others have and this node has not. */
export interface MissingBlocks {
  /** Takes what a member's chain has beyond this node's; it never rejects because of the member. */
  takeFrom(peer: string): Promise<void>
  /** Asks one member after another, until the block is there. */
  request(cid: string): Promise<void>
}

export interface MissingBlocksInit {
  readonly network: Pick<RunNetwork, 'fetchBlocks'>
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Members that are connected. */
  peers(): readonly string[]
  /** The height from which this node's chain may still differ from that of others. */
  openFrom(): number
  has(cid: string): boolean
  /** May throw for a block that breaks the rules. */
  take(block: Block): void
}

/** How long to wait before somebody else is asked. */
const RETRY_MS = 1_000

export function createMissingBlocks(init: MissingBlocksInit): MissingBlocks {
  const { network, clock, logger, signal } = init
  const requested = new Set<string>()

  const takeFrom = async (peer: string): Promise<void> => {
    try {
      for (let from = init.openFrom(); ; ) {
        const blocks = await network.fetchBlocks(peer, from, signal)
        if (blocks.length === 0) return
        for (const block of blocks) init.take(block)
        from = Math.max(from, ...blocks.map(({ body }) => body.height)) + 1
      }
    } catch (error) {
      if (signal.aborted) return
      logger.debug({ peer, code: errorCode(error) }, `no blocks from this member: ${errorMessage(error)}`)
    }
  }

  return {
    takeFrom,
    async request(cid) {
      if (requested.has(cid)) return
      requested.add(cid)
      for (let attempt = 0; !signal.aborted && !init.has(cid); attempt++) {
        const peers = init.peers()
        if (peers.length > 0) await takeFrom(peers[attempt % peers.length]!)
        if (!init.has(cid)) await sleep(clock, RETRY_MS, signal)
      }
      requested.delete(cid)
    },
  }
}
