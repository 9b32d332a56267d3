import { counted } from '@tempered/errors'
import type { RunEvent } from '@tempered/lab/events'
import { faultText } from '@tempered/lab/faults'
import { divergenceText, highLossRemedy, isDivergence } from '@tempered/lab/measures'
import type { RecordedRun } from '@tempered/lab/run'
import { ruleText } from '@tempered/lab/text'
import { ISOLATION_REMEDY, NO_AGREEMENT_REMEDY, type Notice, noticeLog, UNFIT_REMEDY } from '@tempered/node'
import type { EvidenceKind } from '@tempered/protocol'
import pc from 'picocolors'
import { stopText } from './stop-text.js'

/** What evidence of each kind shows. */
const MISDEEDS: Readonly<Record<EvidenceKind, string>> = {
  'announcement-equivocation': 'two models',
  'forked-ledger': 'two ledgers',
  'entry-equivocation': 'two entries at the same height',
  'group-word-equivocation': 'two words in a private round',
  'invalid-model': 'an announced model that is not one',
  'wrong-aggregate': 'an aggregate that does not follow from its rule',
}

/** The title of a run: `about`, if given, and its rule. */
export function titleOf(run: RecordedRun, about?: string): string {
  const rule = ruleText(run.plan.run.manifest.rule, run.plan.run.manifest.privacy)
  return about === undefined ? rule : `${about}  ${rule}`
}

/** Text of the events that get their own line. */
export function eventText(run: RecordedRun, event: RunEvent): string | undefined {
  const name = (index: number): string => run.plan.nodes[index]?.name ?? `node ${index}`
  switch (event.type) {
    case 'failed':
      if (isDivergence(event)) return divergedText(run, name(event.index), event)
      return pc.red(`${name(event.index)} failed: ${event.code}: ${event.message}${othersText(run, event)}`)
    case 'host-gone': {
      const how = event.signal ?? `exit code ${event.exitCode}`
      return pc.red(`process ${event.pid} ended (${how}) with ${event.nodes.join(', ')}; the others continue`)
    }
    case 'quarantine': {
      const offender = run.plan.nodes.find((node) => node.identity.signer.peerId === event.peer)
      return pc.yellow(
        `${name(event.index)} quarantines ${offender?.name ?? event.peer}: ${MISDEEDS[event.kind]} in round ${event.round + 1}`,
      )
    }
    case 'trainer':
      return pc.yellow(`trainer of ${name(event.index)}: ${event.message}`)
    case 'notice':
      return noticeText(run, name, event)
    case 'fault':
      return pc.magenta(`round ${event.action.at}: ${faultText(event.action, name)}`)
    case 'fault-skipped':
      return pc.yellow(
        `the run ended before round ${event.action.at}, so this did not happen: ${faultText(event.action, name)}`,
      )
    case 'stopped':
      return stopText(event)
    default:
      return undefined
  }
}

/** What the others do when a node has failed; nothing where none is left. */
function othersText(run: RecordedRun, { index }: { readonly index: number }): string {
  const gone = failed.get(run) ?? new Set()
  failed.set(run, gone.add(index))
  const { nodes } = run.plan
  if (nodes.every((node) => gone.has(node.index))) return ''
  const { joinMs } = run.plan.run.manifest.deadlines
  const isAtStart = run.records[index]?.rounds.length === 0
  return isAtStart
    ? `; those that have not begun yet wait for it for ${Math.round(joinMs / 1000)} s at most (deadlines.joinMs)`
    : '; the others continue'
}

/** Nodes of a run that have failed. */
const failed = new WeakMap<RecordedRun, Set<number>>()

/** What has been said of a run: where one node diverges or trains in vain, most do, and the summary names them all. */
const said = new WeakMap<RecordedRun, Set<string>>()

/** Whether this is the first time that `what` is to be said of a run. */
function isNew(run: RecordedRun, what: string): boolean {
  const before = said.get(run) ?? new Set()
  said.set(run, before)
  return before.size !== before.add(what).size
}

function divergedText(
  run: RecordedRun,
  name: string,
  { code, message, round }: Extract<RunEvent, { type: 'failed' }>,
): string | undefined {
  if (!isNew(run, 'diverged')) return undefined
  const text = divergenceText([{ node: name, code, message, ...(round === undefined ? {} : { round }) }])
  return pc.red(`E_DIVERGED: ${text}; the summary names all that diverge`)
}

function highLossNotice(
  run: RecordedRun,
  name: string,
  { round, rounds, loss }: Extract<Notice, { kind: 'high-loss' }>,
): string | undefined {
  if (!isNew(run, 'high loss')) return undefined
  const isAttacked = run.plan.nodes.some(({ attack }) => attack !== undefined)
  return pc.yellow(
    `the training loss of ${name} was more than ten times above that of guessing in rounds ${round + 2 - rounds} to ${round + 1}, ` +
      `last ${Number(loss.toPrecision(3))}: ${highLossRemedy(isAttacked)}`,
  )
}

/** What the members of a chain say when they do not agree, each once per run. */
function chainNotice(run: RecordedRun, name: string, notice: Notice): string | undefined {
  switch (notice.kind) {
    case 'no-agreement':
      if (!isNew(run, `no agreement on ${notice.round}`)) return undefined
      return `no ${notice.what} of round ${notice.round + 1} for ${notice.seconds} s at ${name}, with ${counted(notice.members, 'member')} connected: ${NO_AGREEMENT_REMEDY}`
    case 'apart':
      if (!isNew(run, 'apart')) return undefined
      return `the chain has split: what is final at ${name} excludes blocks of others, and the parts cannot join again; see its log, and tempered chain show`
    case 'unsettled':
      if (!isNew(run, 'unsettled')) return undefined
      return `${name} ended without a final block of the last round, so its model may differ from others'; tempered chain verify compares them`
    default:
      return undefined
  }
}

/** Notices that say something about the run; what follows from faults of the scenario goes into logs alone. */
function noticeText(
  run: RecordedRun,
  name: (index: number) => string,
  { index, notice }: Extract<RunEvent, { type: 'notice' }>,
): string | undefined {
  const isAttacker = run.plan.nodes[index]?.attack !== undefined
  if (isAttacker) return undefined
  if (notice.kind === 'high-loss') return highLossNotice(run, name(index), notice)
  if (notice.kind === 'unfit') {
    if (!isNew(run, `${notice.step} is unfit`)) return undefined
    return pc.yellow(
      `${notice.step} does not fit the models at ${name(index)} in round ${notice.round + 1}: ${UNFIT_REMEDY}; the summary says how many nodes it concerns`,
    )
  }
  const ofChain = chainNotice(run, name(index), notice)
  if (ofChain !== undefined) return pc.yellow(ofChain)
  if (notice.kind === 'no-sum' || notice.kind === 'shortened') {
    if (!isNew(run, notice.kind === 'no-sum' ? `no sum: ${notice.reason}` : notice.kind)) return undefined
    return pc.yellow(`${name(index)}, round ${notice.round + 1}: ${noticeLog(notice).text}`)
  }
  if (notice.kind !== 'isolated') return undefined
  return pc.yellow(
    `${name(index)} rejected every model of rounds ${notice.round + 2 - notice.rounds} to ${notice.round + 1}, so it trains alone: ${ISOLATION_REMEDY}`,
  )
}
