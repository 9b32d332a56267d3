import { bytes, counted, decimal, roundOf } from '@tempered/lab/text'
import pc from 'picocolors'
import type { IdleDocument, NeighbourDocument, StatusDocument } from '../operate/status-document.js'
import { durationText } from './duration-text.js'
import { table } from './table.js'

/** The state of a running node, for people. */
export function statusText(status: StatusDocument): string {
  const { phase, phaseSeconds, rounds, round, ledger, lastRound, disk } = status
  const rows = [
    ['run', `${status.runName}, ${status.run}, ${counted(status.members, 'member')}`],
    ['round', `${roundOf(round, rounds)}, ${phase} for ${durationText(phaseSeconds)}`],
    ...(status.pendingChanges === 0
      ? []
      : [
          [
            'changes',
            `${counted(status.pendingChanges, 'change')} of the run ${status.pendingChanges === 1 ? 'waits' : 'wait'} for signatures: tempered member list`,
          ],
        ]),
    ['waits', waitsText(status)],
    ['last', lastRound === null ? 'no round closed since the start' : lastRoundText(lastRound)],
    [
      'ledger',
      `${counted(ledger.entries, 'entry', 'entries')}, ${ledger.finalEntries} final, head ${ledger.head}`,
    ],
    ['disk', `${bytes(disk.stateBytes)} used, ${bytes(disk.freeBytes)} free`],
    ['traffic', `${bytes(status.bytesReceived)} received, ${bytes(status.bytesSent)} sent`],
    ['listens', status.addresses.join('\n') || 'not yet'],
    ...(status.reachability === null ? [] : [['reached', reachabilityText(status.reachability)]]),
  ]
  const ready = status.ready ? pc.green('ready') : pc.yellow(`not ready: ${status.reasons.join('; ')}`)
  return [
    `${pc.bold(status.node)}  ${ready}`,
    `peer ${status.peer}, version ${status.version}, process ${status.pid}, up ${durationText(status.uptimeSeconds)}`,
    '',
    ...rows.flatMap(([name, text]) =>
      text!.split('\n').map((line, k) => `${(k === 0 ? name! : '').padEnd(9)}${line}`),
    ),
    '',
    ...neighbourLines(status),
    ...connectionLines(status),
    ...quarantineLines(status),
    ...guardLines(status),
    ...listLines(
      'refused',
      status.refusals
        .slice(-MOST_LINES)
        .map(({ at, peer, code }) => `${timeText(at)}  …${peer.slice(-8)}  ${codeText(code)}`),
    ),
    ...listLines(
      'notices',
      status.notices.slice(-MOST_LINES).map(({ at, text }) => `${timeText(at)}  ${text}`),
    ),
  ]
    .join('\n')
    .trimEnd()
}

/** A process that serves jobs, while it trains none, for people. */
export function idleText({ node, version, pid, uptimeSeconds, phase, ready, disk }: IdleDocument): string {
  return [
    `${pc.bold(node)}  ${ready ? pc.green(phase) : pc.yellow(phase)}`,
    `version ${version}, process ${pid}, up ${durationText(uptimeSeconds)}`,
    '',
    `${'disk'.padEnd(9)}${bytes(disk.stateBytes)} used, ${bytes(disk.freeBytes)} free`,
  ].join('\n')
}

/** Whether others reach the node from where they are. */
export function reachabilityText({
  reachedBy,
  notReachedBy,
}: NonNullable<StatusDocument['reachability']>): string {
  const asked = reachedBy + notReachedBy
  if (asked === 0) return 'unknown: no member has dialled back yet'
  const verdict = reachedBy > notReachedBy ? 'yes' : 'no'
  return `from outside: ${verdict}, as ${verdict === 'yes' ? reachedBy : notReachedBy} of ${counted(asked, 'member')} say${asked === 1 ? 's' : ''}`
}

/** Refusals and notices that are shown; `--json` has all that are remembered. */
const MOST_LINES = 6

function waitsText({ neighbours, secondsLeft }: StatusDocument): string {
  const awaited = neighbours.filter((one) => one.waitedFor !== null)
  if (awaited.length === 0) return 'for nobody'
  const limit =
    secondsLeft === null ? 'without a limit' : `goes on without them in ${durationText(secondsLeft)} at most`
  const names = awaited.map((one) => `…${one.peer.slice(-8)} (${waitText(one)})`)
  return `for ${counted(awaited.length, 'neighbour')}: ${names.join(', ')}; ${limit}`
}

function waitText({ waitedFor, refused }: NeighbourDocument): string {
  switch (waitedFor) {
    case 'absent':
      return refused === null ? 'not connected' : `not admitted: ${codeText(refused)}`
    case 'silent':
      return 'has sent nothing'
    case 'fetching':
      return 'its model is being fetched'
    default:
      return 'its last entry is missing'
  }
}

function lastRoundText(last: NonNullable<StatusDocument['lastRound']>): string {
  return `round ${last.round}: training loss ${decimal(last.trainingLoss)}, test loss ${decimal(last.testLoss)}, test metric ${decimal(last.testMetric)}`
}

function neighbourLines({ neighbours, now }: StatusDocument): string[] {
  if (neighbours.length === 0) return ['no neighbours', '']
  const rows = neighbours.map((one) => [
    `…${one.peer.slice(-8)}`,
    stateText(one),
    one.model === 'failed' ? `failed: ${codeText(one.code ?? '')}` : one.model,
    one.newestRound === null ? '–' : String(one.newestRound),
    one.lastSeenAt === null
      ? '–'
      : `${durationText((Date.parse(now) - Date.parse(one.lastSeenAt)) / 1000)} ago`,
  ])
  return [
    ...table(
      [['neighbour', 'state', 'model of this round', 'newest round', 'last seen'], ...rows],
      new Set([3, 4]),
    ),
    '',
  ]
}

function stateText(one: NeighbourDocument): string {
  if (one.quarantined) return 'quarantined'
  const link = one.admitted
    ? 'admitted'
    : one.up
      ? 'lost a moment ago'
      : one.refused === null
        ? 'not connected'
        : `not admitted: ${codeText(one.refused)}`
  if (one.owed > 0) return `${link}, given up until it serves ${counted(one.owed, 'model')}`
  if (one.missed > 0) return `${link}, failed ${counted(one.missed, 'round')}`
  return one.finished ? `${link}, finished` : link
}

function connectionLines({ connections }: StatusDocument): string[] {
  if (connections.length === 0) return []
  const rows = connections.map(({ peer, address, relay, direction, admitted, protocols }) => [
    `…${peer.slice(-8)}`,
    direction,
    admitted ? 'admitted' : 'not admitted',
    relay === null ? address.replace(/\/p2p\/[^/]+$/, '') : `through the relay …${relay.slice(-8)}`,
    protocols.join(' '),
  ])
  return [...table([['connection', 'dialled', 'admission', 'address', 'protocols'], ...rows], new Set()), '']
}

function quarantineLines({ quarantined }: StatusDocument): string[] {
  return listLines(
    'quarantined, because there is proof against them',
    quarantined.map(({ peer, round, kind }) => `…${peer.slice(-8)}  round ${round}  ${kind}`),
  )
}

function guardLines({ guard }: StatusDocument): string[] {
  if (guard === null) return []
  return [
    ...listLines(
      'kept away for a while, because they broke the protocol',
      guard.banned.map(
        ({ peer, code, until }) => `…${peer.slice(-8)}  ${codeText(code)}  until ${timeText(until)}`,
      ),
    ),
    ...listLines(
      'dropped since the start',
      guard.rejects.map(({ kind, code, count }) => `${kind}  ${code}  ${count}`),
    ),
  ]
}

function listLines(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`), '']
}

/** Codes may come from a peer. */
const codeText = (code: string): string => (/^[A-Za-z0-9_-]{1,64}$/.test(code) ? code : 'an unknown code')
const timeText = (at: string): string => at.replace(/\.\d+Z$/, 'Z')
