import type { RunNetwork } from '@tempered/node'

/**
 * A network whose node does not wait at the start for peers that are known to join later. They count as present until
 * the node announces its first model, and then as down until they join.
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
          // They count as present once a real neighbour is: a node that is alone still waits.
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
