import type { RunNetwork } from '@tempered/node'

/**
 * A network that does not let its node wait at the start for peers that are known to join later: they count as there
 * until the node announces its first model, and as down from then on, until they come.
 *
 * @param absent peer ids
 */
export function withoutAbsent(network: RunNetwork, absent: readonly string[]): RunNetwork {
  if (absent.length === 0) return network
  const awaited = new Set(absent)
  let sayDown: ((peer: string) => void) | undefined
  return {
    ...network,
    async start(handlers) {
      sayDown = handlers.neighbourDown
      await network.start({
        ...handlers,
        neighbourUp(peer) {
          // The first real neighbour vouches for them: a node alone still waits.
          if (!awaited.delete(peer)) for (const other of awaited) handlers.neighbourUp(other)
          handlers.neighbourUp(peer)
        },
      })
    },
    announce(message) {
      for (const peer of awaited) sayDown?.(peer)
      awaited.clear()
      return network.announce(message)
    },
  }
}
