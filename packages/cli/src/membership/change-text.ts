import { counted } from '@tempered/errors'
import { roundOf } from '@tempered/lab/text'
import type { Amendment } from '@tempered/protocol'
import pc from 'picocolors'
import type { ChangeDocument, ChangesDocument } from './changes-document.js'

/** What a change does, for people. */
export function amendmentText(what: Amendment): string {
  switch (what.kind) {
    case 'add':
      return `adds member ${what.member}`
    case 'remove':
      return `removes member ${what.member}`
    case 'replace':
      return `gives member ${what.member} the key ${what.by}`
    case 'rounds':
      return `sets the number of rounds to ${what.rounds}`
    case 'deadlines':
      return `sets ${Object.entries(what.deadlines)
        .map(([name, ms]) => `${name} to ${ms} ms`)
        .join(', ')}`
  }
}

/** `change …ab12cd34 adds member …, from round 12` */
export function changeText({ change, what, from }: ChangeDocument): string {
  return `…${change.slice(-8)}  ${amendmentText(what)}, from round ${from}`
}

/** The members of a run and its changes. `self` is the node that was asked. */
export function changesText(document: ChangesDocument, self: string): string {
  const { name, run, round, rounds, members, former, decided, pending, decides } = document
  const lines = [
    `${pc.bold(name)}  run ${run}, round ${roundOf(round, rounds)}`,
    '',
    `${counted(members.length, 'member')}${decides === 'owners' ? '; its owners decide about changes' : ''}`,
    ...members.map((peer) => `  ${peer}${peer === self ? '  (this node)' : ''}`),
  ]
  if (former.length > 0) lines.push('', 'members before', ...former.map((peer) => `  ${peer}`))
  if (decided.length > 0) {
    lines.push('', 'changes that were decided')
    for (const one of decided)
      lines.push(
        `  ${changeText(one)}${one.problem === null ? '' : pc.yellow(`  without effect: ${one.problem}`)}`,
      )
  }
  if (pending.length > 0) {
    lines.push('', 'changes that wait for signatures')
    for (const one of pending) lines.push(`  ${changeText(one)}`, `    ${signaturesText(one)}`)
    lines.push('', `sign one: tempered member approve ${pending[0]!.change.slice(-8)}`)
  }
  return lines.join('\n')
}

/** `2 of 3 signatures: …, …` */
export function signaturesText({ signedBy, needed }: ChangeDocument): string {
  return `${signedBy.length} of ${counted(needed, 'signature')}: ${signedBy.map((peer) => `…${peer.slice(-8)}`).join(', ')}`
}
