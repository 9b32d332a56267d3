import { equalBytes } from './codec.js'
import {
  COSIGNED_PER_MEMBER,
  type CosignedReference,
  inListOrder,
  membersOf,
  type NamedHead,
} from './cosigned-reference.js'
import {
  asWitnessed,
  type Cosignature,
  type HeadMessage,
  type SignedHead,
  type WitnessedHead,
} from './head.js'
import type { Run } from './manifest.js'
import { inclusionPath, merkleRoot } from './merkle.js'
import { finalityQuorum } from './quorum.js'

/**
 * A head with so many co-signatures that no other history of its height can have as many, as long as less than a
 * third of the members lie.
 */
export interface FinalHead {
  readonly head: SignedHead
  /** One per witness, without the author, in member order. */
  readonly cosignatures: readonly Cosignature[]
}

/**
 * Collects co-signatures until heads are final. Takes verified messages only. A message counts once all heads that it
 * names are known; until then it waits.
 *
 * Work for a message is one lookup and a few operations per head that it names, as long as its list is one that
 * another witness has signed too; a list that nobody else signed costs as many hashes as it has heads.
 */
export interface FinalityTracker {
  /** Returns the heads that this message made final. */
  note(message: HeadMessage): readonly SignedHead[]
  /** The newest final head of a member. */
  finalHead(author: string): FinalHead | undefined
}

/** Messages of one witness that may wait for heads. */
const WAITING_PER_WITNESS = 4
/** Lists by what they name; older ones are given up. */
const KNOWN_LISTS = 128

/** A signed head, and who has co-signed it. */
interface Known extends WitnessedHead {
  readonly head: SignedHead
  /** One bit per member that has co-signed, its author left out. */
  readonly signers: Uint8Array
  cosigned: number
  /** The lists in which it stands and that were signed. */
  lists: List[]
}

/** Heads in list order, and who signed for exactly these. */
interface List {
  readonly heads: readonly Known[]
  readonly root: Uint8Array
  readonly messages: HeadMessage[]
}

export function createFinalityTracker(run: Run): FinalityTracker {
  const { members } = run.manifest
  const quorum = finalityQuorum(members.length)
  /** By member; only those of whom a head is known, since a large run hears from few of its members. */
  const byHeight = new Map<number, Map<number, Known>>()
  const byRound = new Map<number, Map<number, Known>>()
  const lists = new Map<string, List>()
  /** Messages that wait for a head, by the name of the head. */
  const waiting = new Map<string, HeadMessage[]>()
  const waitingOf = new Map<string, { readonly name: string; readonly message: HeadMessage }[]>()
  const finals = new Map<number, Known>()

  const learn = (head: SignedHead): Known => {
    const witnessed = asWitnessed(head.body, run)
    const { member, height, round } = witnessed
    const known = byHeight.get(member)?.get(height)
    if (known !== undefined) return known
    const signers = new Uint8Array(Math.ceil(run.roster.length / 8))
    const learned: Known = { ...witnessed, head, signers, cosigned: 0, lists: [] }
    const heights = mapOf(byHeight, member).set(height, learned)
    const rounds = mapOf(byRound, member).set(round, learned)
    if (heights.size > COSIGNED_PER_MEMBER) {
      const lowest = heights.get(Math.min(...heights.keys()))!
      heights.delete(lowest.height)
      rounds.delete(lowest.round)
    }
    return learned
  }

  const settle = (known: Known): SignedHead[] => {
    if (known.cosigned + 1 < quorum) return []
    const before = finals.get(known.member)
    if (before !== undefined && before.height >= known.height) return []
    finals.set(known.member, known)
    if (before !== undefined) before.lists = []
    return [known.head]
  }

  /** The heads that a message names, in no order, or the name of one that is not known. */
  const headsOf = (cosigned: CosignedReference): Known[] | string => {
    const named: Known[] = []
    for (const member of membersOf(cosigned)) {
      const known = byRound.get(member)?.get(cosigned.round)
      if (known === undefined) return `${member} in round ${cosigned.round}`
      named.push(known)
    }
    for (const other of cosigned.others) {
      const known = byHeight.get(other.member)?.get(other.height)
      if (known === undefined) return nameOf(other)
      named.push(known)
    }
    return named
  }

  /** The list that a message names, or the name of a head in it that is not known. */
  const find = ({ cosigned }: HeadMessage): List | string => {
    const { round, others } = cosigned
    const key = `${round} ${String.fromCharCode(...cosigned.members)} ${others.map(nameOf).join(' ')}`
    const found = lists.get(key)
    if (found !== undefined) return found
    const named = headsOf(cosigned)
    if (typeof named === 'string') return named
    const heads = inListOrder(named)
    // A list names each head once; one that does not is nobody's.
    const once = new Set(heads).size === heads.length
    const root = once ? merkleRoot(heads.map(({ leaf }) => leaf)) : new Uint8Array(0)
    const list: List = { heads, root, messages: [] }
    for (const known of heads) known.lists.push(list)
    lists.set(key, list)
    for (const oldest of lists.keys()) {
      if (lists.size <= KNOWN_LISTS) break
      lists.delete(oldest)
    }
    return list
  }

  const wait = (message: HeadMessage, name: string): void => {
    const { author } = message.head.body
    const own = [...(waitingOf.get(author) ?? []), { name, message }]
    const dropped = own.length > WAITING_PER_WITNESS ? own.shift() : undefined
    waitingOf.set(author, own)
    if (dropped !== undefined) forget(dropped.name, dropped.message)
    waiting.set(name, [...(waiting.get(name) ?? []), message])
  }

  const forget = (name: string, message: HeadMessage): void => {
    const left = waiting.get(name)?.filter((other) => other !== message) ?? []
    if (left.length > 0) waiting.set(name, left)
    else waiting.delete(name)
  }

  const count = (message: HeadMessage): SignedHead[] => {
    if (message.cosigned.size === 0) return []
    const list = find(message)
    if (typeof list === 'string') {
      wait(message, list)
      return []
    }
    // The witness has seen another head somewhere: what it signed for is not known here.
    if (!equalBytes(list.root, message.head.body.witnessed.root)) return []
    list.messages.push(message)
    const witness = run.rosterIndex.get(message.head.body.author)!
    const [at, bit] = [witness >> 3, 1 << (witness & 7)]
    const settled: SignedHead[] = []
    for (const known of list.heads) {
      if (known.member === witness || (known.signers[at]! & bit) !== 0) continue
      known.signers[at]! |= bit
      known.cosigned += 1
      settled.push(...settle(known))
    }
    return settled
  }

  /** Counts the messages that waited for this head. */
  const release = (known: Known): SignedHead[] =>
    [nameOf(known), `${known.member} in round ${known.round}`].flatMap((name) => {
      const messages = waiting.get(name) ?? []
      waiting.delete(name)
      return messages.flatMap((message) => {
        const { author } = message.head.body
        waitingOf.set(
          author,
          (waitingOf.get(author) ?? []).filter((other) => other.message !== message),
        )
        return count(message)
      })
    })

  return {
    note(message) {
      const known = learn(message.head)
      return [...settle(known), ...count(message), ...release(known)]
    },
    finalHead(author) {
      const known = finals.get(run.rosterIndex.get(author) ?? -1)
      if (known === undefined) return undefined
      let cosignatures: readonly Cosignature[] | undefined
      return {
        head: known.head,
        // Made when they are asked for: most callers want to know only what is final.
        get cosignatures() {
          cosignatures ??= cosignaturesOf(known, run)
          return cosignatures
        },
      }
    },
  }
}

function mapOf(maps: Map<number, Map<number, Known>>, member: number): Map<number, Known> {
  const map = maps.get(member) ?? new Map<number, Known>()
  maps.set(member, map)
  return map
}

function nameOf({ member, height }: NamedHead): string {
  return `${member} at ${height}`
}

function cosignaturesOf(known: Known, run: Run): Cosignature[] {
  const byWitness = new Map<number, Cosignature>()
  for (const { heads, messages } of known.lists) {
    if (messages.length === 0) continue
    const index = heads.indexOf(known)
    const path = inclusionPath(
      heads.map(({ leaf }) => leaf),
      index,
    )
    for (const { head } of messages) {
      const witness = run.rosterIndex.get(head.body.author)!
      if (witness !== known.member && !byWitness.has(witness))
        byWitness.set(witness, { head: head.bytes, index, path })
    }
  }
  return [...byWitness].sort(([a], [b]) => a - b).map(([, cosignature]) => cosignature)
}
