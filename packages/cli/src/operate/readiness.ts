import type { NodeStatus } from '@tempered/node'

/** Why a node does not take part in its run at this moment; empty when it does. */
export function unreadiness(
  status: Pick<NodeStatus, 'isListening' | 'phase' | 'neighbours' | 'rounds'>,
): string[] {
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
