import { connectedParts, type Topology } from '@tempered/robust-agg/topology'
import { ranges } from './ranges.js'

/** Parts that are listed; there may be one for each node. */
const MOST_PARTS = 8

/** A warning about a topology that is not connected; undefined if it is. Nodes are named by index. */
export function partsWarning(graph: Topology): string | undefined {
  if (graph.isConnected) return undefined
  const parts = connectedParts(graph)
  const listed = parts.slice(0, MOST_PARTS).map(ranges).join(' | ')
  const more = parts.length > MOST_PARTS ? ` | … and ${parts.length - MOST_PARTS} more` : ''
  return (
    `the topology is not connected: it has ${parts.length} parts that never exchange models (nodes ${listed}${more}); ` +
    'add a link between them unless this is intended'
  )
}
