import { LIMITS } from '../limits.js'
import { type Manifest, type Run, sealManifest } from '../manifest.js'
import type { Amendment } from './change.js'

/** Why a run cannot be as a change would have it; undefined when it can. */
export type ProblemOf = (run: Run) => string | undefined

/**
 * The run after a change, without its epoch, or why the change does nothing. Members keep their order, and their index in
 * the roster for ever; a new key takes the place of the old one in the topology, and a new index in the roster.
 */
export function amend(run: Run, amendment: Amendment, problemOf: ProblemOf): Run | string {
  const amended = amendedManifest(run, amendment)
  if (typeof amended === 'string') return amended
  const roster = [...run.roster]
  for (const peer of amended.members) if (!roster.includes(peer)) roster.push(peer)
  let checked: Run
  try {
    checked = sealManifest(amended)
  } catch (error) {
    return (error as Error).message
  }
  const { manifest, memberIndex } = checked
  const rosterIndex = new Map(roster.map((peer, index) => [peer, index]))
  const view: Run = { ...run, manifest, memberIndex, roster, rosterIndex }
  return problemOf(view) ?? view
}

function amendedManifest({ manifest, roster }: Run, amendment: Amendment): Manifest | string {
  const { members, training, deadlines } = manifest
  const isNew = (peer: string): string | undefined => {
    if (members.includes(peer)) return `${peer} is a member already`
    // Its ledger ended; a second one under the same key could not be told from a fork.
    if (roster.includes(peer)) return `${peer} was a member before; an organisation comes back with a new key`
    return roster.length < LIMITS.maxMembers ? undefined : `a run has at most ${LIMITS.maxMembers} members`
  }
  switch (amendment.kind) {
    case 'add':
      return isNew(amendment.member) ?? { ...manifest, members: [...members, amendment.member] }
    case 'remove':
      if (!members.includes(amendment.member)) return `${amendment.member} is not a member`
      if (members.length === 1) return 'the last member cannot go'
      return { ...manifest, members: members.filter((peer) => peer !== amendment.member) }
    case 'replace':
      if (!members.includes(amendment.member)) return `${amendment.member} is not a member`
      return (
        isNew(amendment.by) ?? {
          ...manifest,
          members: members.map((peer) => (peer === amendment.member ? amendment.by : peer)),
        }
      )
    case 'rounds':
      if (amendment.rounds === training.rounds) return `the run has ${training.rounds} rounds already`
      return { ...manifest, training: { ...training, rounds: amendment.rounds } }
    case 'deadlines':
      return {
        ...manifest,
        deadlines: Object.assign({ ...deadlines }, amendment.deadlines) as Manifest['deadlines'],
      }
  }
}
