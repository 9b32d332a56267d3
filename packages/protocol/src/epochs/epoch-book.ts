import type { CID } from 'multiformats/cid'
import { ProtocolError } from '../errors.js'
import { LIMITS } from '../limits.js'
import { isSameEpoch, type Run } from '../manifest.js'
import { amend, type ProblemOf } from './amend.js'
import { type ChangeMessage, epochId, withApprovals } from './change.js'
import { isDecided, mayApprove } from './electorate.js'

/** What became of a change that was offered. */
export type Offer =
  /** It has the signatures that it needs now, and had not before. */
  | 'decided'
  /** It is new, or has signatures that are new, and waits for more. */
  | 'pending'
  | 'known'

/** A change that was decided, and what it does. */
export interface DecidedChange {
  readonly message: ChangeMessage
  /** Why it does nothing; undefined where it has effect. */
  readonly problem: string | undefined
}

/**
 * The changes of a run that are known here. An epoch is a set of decided changes; all who know the same set see the same
 * members, whatever the order in which they heard of them: changes take effect in order of their round, then of their CID.
 * So two changes that are decided at the same time need no vote on which comes first.
 */
export interface EpochBook {
  /** The run without changes; `viewOf` knows the epochs of this book. */
  readonly base: Run
  /** Decided changes in the order in which they take effect. */
  readonly decided: readonly DecidedChange[]
  /** Changes that wait for signatures, the oldest first. */
  readonly pending: readonly ChangeMessage[]
  /**
   * Takes a change whose signatures were checked (`openChange`). Signatures of others than those who may sign it are left
   * out. Throws E_WRONG_RUN; E_EPOCH when a change that it builds on is not decided here; E_CHANGE when nobody who signed it
   * has a say, when it cannot have effect, or when too many wait.
   */
  offer(message: ChangeMessage): Offer
  /** Gives up changes that wait and could not be decided in time any more, now that the node is in this round. */
  expire(round: number): void
  /** The run in the epoch whose members decide about a change; undefined where changes that it builds on are not known. */
  baseOf(message: ChangeMessage): Run | undefined
  /** A change by its CID, decided or not. */
  find(cid: CID): ChangeMessage | undefined
  /** The run in a round, as far as is known: changes whose round has come. */
  at(round: number): Run
  /** The run with exactly these changes, which were decided. */
  withChanges(messages: readonly ChangeMessage[]): Run
  /** Changes of an epoch that is known, in order of effect. */
  changesOf(epoch: CID | undefined): readonly ChangeMessage[] | undefined
  /** Whether somebody is a member in any epoch that is known, also one that has not begun. */
  wasEverMember(peer: string): boolean
}

/** Views that are kept; others are computed again. */
const KEPT_VIEWS = 16

/** @param problemOf - why a run cannot be, e.g. as its topology is not defined for so many members; default: never */
export function openEpochs(run: Run, problemOf: ProblemOf = () => undefined): EpochBook {
  const base: Run = { ...run, viewOf: (epoch) => viewOf(epoch) }
  const decided = new Map<string, ChangeMessage>()
  const pending = new Map<string, { message: ChangeMessage; by: string }>()
  const sets = new Map<string, readonly ChangeMessage[]>()
  const views = new Map<string, Run>()
  /** Those who are in the manifest left out: a process may have thousands of books of a run with thousands of members. */
  const added = new Set<string>()
  let inOrder: DecidedChange[] = []
  let folded: Folded = { view: base, held: [], problems: [] }

  const keep = (name: string, view: Run): Run => {
    views.set(name, view)
    for (const oldest of views.keys()) {
      if (views.size <= KEPT_VIEWS) break
      views.delete(oldest)
    }
    return view
  }

  const fold = (changes: readonly ChangeMessage[]): Folded => {
    let folded: Folded = { view: base, held: [], problems: [] }
    for (const message of changes) folded = andThen(folded, message, problemOf)
    return folded
  }

  /** The run with changes in order of effect. */
  const viewWith = (changes: readonly ChangeMessage[]): Run => {
    const epoch = epochOf(base, changes)
    const name = epoch?.toString() ?? ''
    const kept = views.get(name)
    if (kept !== undefined) return kept
    return keep(name, epoch === undefined ? base : { ...fold(changes).view, epoch, changes })
  }

  const withChanges = (messages: readonly ChangeMessage[]): Run => {
    const changes = [...messages].sort(byEffect)
    sets.set(epochOf(base, changes)?.toString() ?? '', changes)
    return viewWith(changes)
  }

  /** Not remembered as an epoch: of any set of changes anybody may say that a change builds on it. */
  const baseOf = ({ change, baseChanges }: ChangeMessage): Run | undefined => {
    const known: ChangeMessage[] = []
    for (const cid of baseChanges) {
      const one = decided.get(cid.toString())
      if (one === undefined) return undefined
      known.push(one)
    }
    const view = viewWith(known.sort(byEffect))
    return isSameEpoch(view.epoch, change.base) ? view : undefined
  }

  const changesOf: EpochBook['changesOf'] = (epoch) => (epoch === undefined ? [] : sets.get(epoch.toString()))

  const viewOf = (epoch: CID | undefined): Run | undefined => {
    const changes = changesOf(epoch)
    return changes === undefined ? undefined : withChanges(changes)
  }

  /** Remembers the epoch after each decided change, so that heads that name one can be read. */
  const decide = (message: ChangeMessage): void => {
    decided.set(nameOf(message), message)
    const changes = [...decided.values()].sort(byEffect)
    const place = changes.indexOf(message)
    for (let count = place + 1; count <= changes.length; count++) {
      const some = changes.slice(0, count)
      sets.set(epochOf(base, some)!.toString(), some)
    }
    // Most come in order of effect, and a node that starts gets all of them so.
    folded = place === changes.length - 1 ? andThen(folded, message, problemOf) : fold(changes)
    inOrder = changes.map((message, k) => ({ message, problem: folded.problems[k] }))
    for (const peer of folded.view.roster.slice(base.roster.length)) added.add(peer)
  }

  const begin = (message: ChangeMessage): void => {
    const by = firstWithSay(message)!
    const begun = [...pending.values()].filter((other) => other.by === by).length
    if (pending.size >= LIMITS.maxPendingChanges || begun >= LIMITS.maxPendingPerSigner)
      throw new ProtocolError(
        'E_CHANGE',
        `change: ${begun} changes that ${by} began wait for signatures, ${pending.size} in all; decide about those first`,
      )
    pending.set(nameOf(message), { message, by })
  }

  return {
    base,
    get decided() {
      return inOrder
    },
    get pending() {
      return [...pending.values()].map(({ message }) => message)
    },
    offer(offered) {
      const name = nameOf(offered)
      if (!offered.change.run.equals(base.id))
        throw new ProtocolError(
          'E_WRONG_RUN',
          `change: it is of run ${offered.change.run}, not of ${base.id}`,
        )
      checkChangeable(base)
      if (decided.has(name)) return 'known'
      const from = baseOf(offered)
      if (from === undefined)
        throw new ProtocolError('E_EPOCH', `change: its epoch ${offered.change.base} is not known here`)
      checkOrder(
        offered,
        offered.baseChanges.map((cid) => decided.get(cid.toString())!),
      )
      // For nobody, as all know its base. Whether it has one beside others that were decided is seen when it takes effect.
      const amended = amend(from, offered.change.amendment, problemOf)
      if (typeof amended === 'string')
        throw new ProtocolError('E_CHANGE', `change: it would have no effect: ${amended}`)
      const before = pending.get(name)
      const given = counting(offered, from, before !== undefined)
      const message = before === undefined ? given : withApprovals(before.message, given.approvals)
      if (before !== undefined && message === before.message) return 'known'
      if (!isDecided(message, from)) {
        if (before === undefined) begin(message)
        else pending.set(name, { ...before, message })
        return 'pending'
      }
      if (decided.size >= LIMITS.maxChanges)
        throw new ProtocolError('E_CHANGE', `change: a run can be changed ${LIMITS.maxChanges} times`)
      pending.delete(name)
      decide(message)
      return 'decided'
    },
    expire(round) {
      for (const [name, { message }] of pending)
        if (message.change.from + LIMITS.changeWindow < round) pending.delete(name)
    },
    baseOf,
    find: (cid) => decided.get(cid.toString()) ?? pending.get(cid.toString())?.message,
    at: (round) => withChanges([...decided.values()].filter(({ change }) => change.from <= round)),
    withChanges,
    changesOf,
    wasEverMember: (peer) => base.memberIndex.has(peer) || added.has(peer),
  }
}

/** Changes in order of effect, one after the other. */
interface Folded {
  readonly view: Run
  /** Those that have effect. */
  readonly held: readonly ChangeMessage[]
  /** Why each that does nothing does nothing. */
  readonly problems: readonly (string | undefined)[]
}

function andThen({ view, held, problems }: Folded, message: ChangeMessage, problemOf: ProblemOf): Folded {
  const amended = tooLate(message, held) ?? amend(view, message.change.amendment, problemOf)
  return typeof amended === 'string'
    ? { view, held, problems: [...problems, amended] }
    : { view: amended, held: [...held, message], problems: [...problems, undefined] }
}

/** Those who were members of an epoch decide nothing any more when it was replaced long before the change. */
function tooLate({ change, baseChanges }: ChangeMessage, held: readonly ChangeMessage[]): string | undefined {
  const known = new Set(baseChanges.map(String))
  const replaced = held.find(
    (other) =>
      'member' in other.change.amendment &&
      !known.has(nameOf(other)) &&
      other.change.from + LIMITS.changeWindow < change.from,
  )
  if (replaced === undefined) return undefined
  return `it was decided by members of an epoch that had ended over ${LIMITS.changeWindow} rounds before`
}

/** What a change says, with the signatures that count; throws where none does. `known`: somebody with a say signed before. */
function counting(message: ChangeMessage, from: Run, known: boolean): ChangeMessage {
  const approvals = message.approvals.filter(({ author }) => mayApprove(message, from, author))
  if (!known && firstWithSay({ ...message, approvals }) === undefined)
    throw new ProtocolError('E_CHANGE', 'change: nobody who signed it has a say in it')
  if (approvals.length === message.approvals.length) return message
  return withApprovals({ ...message, approvals: [] }, approvals)
}

/** A new key says that it is there; it has no say by itself, and nobody knows it yet. */
function firstWithSay({ change: { amendment }, approvals }: ChangeMessage): string | undefined {
  const newKey = amendment.kind === 'replace' ? amendment.by : undefined
  return approvals.find(({ author }) => author !== newKey)?.author
}

/** A change holds after all that it builds on, so that whoever has it in force has those too. */
function checkOrder({ change }: ChangeMessage, before: readonly ChangeMessage[]): void {
  const later = before.find((other) => other.change.from >= change.from)
  if (later === undefined) return
  throw new ProtocolError(
    'E_CHANGE',
    `change: it holds from round ${change.from}, but builds on one that holds from round ${later.change.from}`,
  )
}

/** Throws E_CHANGE for a run that cannot be changed while it goes on. */
export function checkChangeable({ manifest }: Run): void {
  const fixed = (['chain', 'settlement', 'privacy'] as const).find((name) => manifest[name] !== undefined)
  if (fixed === undefined) return
  throw new ProtocolError(
    'E_CHANGE',
    `a run whose manifest has \`${fixed}\` keeps its members, rounds and deadlines; start a new run from the last model`,
  )
}

/** Whether a run can be changed while it goes on. */
export function isChangeable({ manifest: { chain, settlement, privacy } }: Run): boolean {
  return chain === undefined && settlement === undefined && privacy === undefined
}

function epochOf(run: Run, inOrder: readonly ChangeMessage[]): CID | undefined {
  return epochId(
    run.id,
    inOrder.map(({ cid }) => cid),
  )
}

function byEffect(a: ChangeMessage, b: ChangeMessage): number {
  return a.change.from - b.change.from || (nameOf(a) < nameOf(b) ? -1 : 1)
}

function nameOf({ cid }: ChangeMessage): string {
  return cid.toString()
}
