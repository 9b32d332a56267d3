import { partsWarning } from '@tempered/lab/text'
import type { Topology } from '@tempered/robust-agg/topology'
import pc from 'picocolors'

/** Warns on stderr if a topology is not connected; `where` names it if there may be several. */
export function warnOfParts(graph: Topology, where = ''): void {
  const text = partsWarning(graph)
  if (text !== undefined) process.stderr.write(`${pc.yellow('warning')}: ${where}${text}\n`)
}
