import type { Clock } from '@tempered/node'
import { within } from './overdue.js'
import type { SoakNode } from './soak-node.js'

/** How long a node may take to end. The machine may be busy, but a node that needs longer does not stop. */
export const END_MS = 120_000

/**
 * Ends a node with a signal, by force if it does not end in time. Resolves in any case, with what was wrong: a node that
 * goes on after SIGTERM is a finding.
 */
export async function endNode(
  clock: Clock,
  node: Pick<SoakNode, 'name' | 'pid' | 'signal' | 'ended' | 'lastWords'>,
  how: 'SIGTERM' | 'SIGKILL',
): Promise<string | undefined> {
  const { pid } = node
  const ends = async (signal: NodeJS.Signals): Promise<boolean> => {
    node.signal(signal)
    return within(clock, END_MS, node.name, node.ended()).then(
      () => true,
      () => false,
    )
  }
  if (await ends(how)) return undefined
  const finding = `${node.name}: process ${pid} had not ended ${END_MS / 1000} s after ${how}; last in its log: ${await node.lastWords()}`
  if (how === 'SIGTERM') await ends('SIGKILL')
  return finding
}
