import { counted } from '@tempered/lab/text'
import type { NeighbourDocument } from '../operate/status-document.js'
import { durationText } from '../terminal/duration-text.js'
import { type Finding, findingsOf, type Patient } from './finding.js'
import { refusalRemedy } from './refusal-remedy.js'

const { ok, note, warning, problem } = findingsOf('round')

/** Why there are no peers, and why a round stands: what the running node says. */
export function checkRound({ running }: Pick<Patient, 'running'>): Finding[] {
  if (running === undefined) return [note('the node does not run, so there is no round to look at')]
  const { neighbours, round, rounds, phase, phaseSeconds, secondsLeft } = running
  const what = `round ${round} of ${rounds}, ${phase} for ${durationText(phaseSeconds)}`
  const awaited = neighbours.filter((one) => one.waitedFor !== null)
  const limit = secondsLeft === null ? '' : `, ${durationText(secondsLeft)} at most`
  const begin =
    awaited.length === 0 ? what : `${what}; it waits for ${counted(awaited.length, 'neighbour')}${limit}`
  return [
    ok(begin),
    ...running.reasons.map((reason) => warning(reason, whatToDo(reason))),
    ...neighbours.flatMap(aboutNeighbour),
    ...(running.quarantined.length === 0
      ? []
      : [
          warning(
            `${counted(running.quarantined.length, 'member')} quarantined, because there is proof against them`,
            'see `tempered status`; the proofs are in evidence.car (docs/ledger.md)',
          ),
        ]),
  ]
}

function aboutNeighbour(one: NeighbourDocument): Finding[] {
  const name = `neighbour …${one.peer.slice(-8)}`
  if (one.quarantined) return []
  if (!one.admitted && one.refused !== null)
    return [problem(`${name} is not admitted: ${one.refused}`, refusalRemedy(one.refused))]
  if (!one.up)
    return [
      warning(
        `${name} is not connected`,
        'is it started? Does it, or a member that both know, have an address of this node, or this node one of it (`bootstrap`)?',
      ),
    ]
  if (one.owed > 0)
    return [
      warning(
        `${name} failed too often and is not waited for until it serves ${counted(one.owed, 'model')}`,
        'look at its log and its connection; it is taken back by itself',
      ),
    ]
  if (one.model === 'failed')
    return [warning(`the model of ${name} could not be fetched: ${one.code}`, 'look at its log')]
  if (one.waitedFor === 'silent')
    return [note(`${name} is connected and has announced no model of this round yet`)]
  return []
}

function whatToDo(reason: string): string {
  if (reason.startsWith('all rounds')) return 'nothing; start a new run to go on'
  return 'see the findings about its neighbours below'
}
