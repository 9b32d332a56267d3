import { counted, decimal } from '@tempered/lab/text'
import pc from 'picocolors'
import type { StoppedNode } from '../operate/stopped-node.js'
import { reasonText } from './reasons.js'

/** What is left of a node that does not run, for people. */
export function stoppedText({ node, killed, ledger, trouble }: StoppedNode): string {
  const how = killed ? 'not running: it was killed, or crashed (its lock is still there)' : 'not running'
  const lines = [`${pc.bold(node)}  ${pc.red(how)}`]
  if (trouble !== null) lines.push(`ledger  cannot be read: ${trouble.code}: ${trouble.message}`)
  else if (ledger === null) lines.push('ledger  none yet: this node has not taken part in a run')
  else {
    const { lastRound, rounds, entries, run, runName, writtenAt } = ledger
    lines.push(`run     ${runName}, ${run}`)
    lines.push(
      `ledger  ${counted(entries, 'entry', 'entries')} of ${counted(rounds, 'round')}, last written ${writtenAt}`,
    )
    if (lastRound !== null) {
      const { round, trainingLoss, testMetric, neighbours } = lastRound
      lines.push(`round ${round} of ${rounds}: loss ${decimal(trainingLoss)}, metric ${decimal(testMetric)}`)
      for (const { peer, reason } of neighbours)
        lines.push(`        …${peer.slice(-8)}: its model ${reasonText(reason)}`)
    }
  }
  return lines.join('\n')
}
