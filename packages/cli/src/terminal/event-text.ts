import type { RunEvent } from '@tempered/lab/events'
import { faultText } from '@tempered/lab/faults'
import type { RecordedRun } from '@tempered/lab/run'
import { ruleText } from '@tempered/lab/text'
import type { EvidenceKind } from '@tempered/protocol'
import pc from 'picocolors'
import { stopText } from './stop-text.js'

/** What evidence of each kind shows. */
const MISDEEDS: Readonly<Record<EvidenceKind, string>> = {
  'announcement-equivocation': 'two models',
  'forked-ledger': 'two ledgers',
  'entry-equivocation': 'two entries of one height',
  'invalid-model': 'no model where one was announced',
  'wrong-aggregate': 'an aggregate that its rule does not give',
}

/** What a run is called: its rule, after what `about` says of it. */
export function titleOf(run: RecordedRun, about?: string): string {
  const rule = ruleText(run.plan.run.manifest.rule)
  return about === undefined ? rule : `${about}  ${rule}`
}

/** Events that deserve a line of their own. */
export function eventText(run: RecordedRun, event: RunEvent): string | undefined {
  const name = (index: number): string => run.plan.nodes[index]?.name ?? `node ${index}`
  switch (event.type) {
    case 'failed':
      return pc.red(`${name(event.index)} failed: ${event.code}: ${event.message}; the others go on`)
    case 'host-gone': {
      const how = event.signal ?? `exit code ${event.exitCode}`
      return pc.red(`process ${event.pid} ended (${how}) with ${event.nodes.join(', ')}; the others go on`)
    }
    case 'quarantine': {
      const offender = run.plan.nodes.find((node) => node.identity.signer.peerId === event.peer)
      return pc.yellow(
        `${name(event.index)} quarantines ${offender?.name ?? event.peer}: ${MISDEEDS[event.kind]} in round ${event.round + 1}`,
      )
    }
    case 'fault':
      return pc.magenta(`round ${event.action.at}: ${faultText(event.action, name)}`)
    case 'fault-skipped':
      return pc.yellow(
        `the run was over before round ${event.action.at} came to: ${faultText(event.action, name)}`,
      )
    case 'stopped':
      return stopText(event)
    default:
      return undefined
  }
}
