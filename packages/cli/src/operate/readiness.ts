import type { NodeStatus } from '@tempered/node'

/** What a process that serves jobs waits for while it has no node. */
export type IdleFor = 'the chain' | 'a job'

/**
 * Why a node does not take part in its run at this moment; empty when it does. Without a node, why that is so; empty when
 * it comes with the next job.
 */
export function unreadiness(
  status: Pick<NodeStatus, 'isListening' | 'phase' | 'neighbours' | 'rounds'> | undefined,
  waitsFor?: IdleFor,
): string[] {
  if (status === undefined) {
    if (waitsFor === 'a job') return []
    return [
      waitsFor === undefined ? 'the node is not open yet' : 'the chain of `settlement` does not answer yet',
    ]
  }
  const { isListening, phase, neighbours } = status
  if (phase === 'done') return ['all rounds of the run are done']
  const up = neighbours.filter((one) => one.isUp).length
  return [
    ...(isListening ? [] : ['the network is not open yet']),
    ...(isListening && phase === 'idle' ? ['the rounds have not begun yet'] : []),
    ...(phase === 'joining' ? ['the node waits for its neighbours before its first round'] : []),
    ...(phase === 'syncing' ? ['the node catches up with the others'] : []),
    ...(neighbours.length > 0 && up === 0 ? [`none of ${neighbours.length} neighbours is connected`] : []),
  ]
}
