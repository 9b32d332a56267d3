import {
  asWitnessed,
  COSIGNED_PER_MEMBER,
  type CompactRange,
  commonRound,
  createCompactRange,
  createFinalityTracker,
  equalBytes,
  type FinalHead,
  type HeadMessage,
  isSameEpoch,
  LIMITS,
  leafHash,
  maxCosignedOthers,
  type Run,
  type SignedEntry,
  type SignedHead,
  type Signer,
  signHead,
  type WitnessedHead,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import type { WitnessStore } from './witness-store.js'

/** The outcome of checking a head. */
export type HeadVerdict =
  /** It extends the ledger that this node has seen from its author; it will be co-signed with the next own head. */
  | 'witnessed'
  /** Nothing new. */
  | 'known'
  /** Entries between the last seen head and this one are missing: their digests must be requested. */
  | 'gap'
  /** Its tree does not extend the one that was seen, or its parent is not the previous entry: not co-signed. */
  | 'inconsistent'

/**
 * A node as a witness of other members' ledgers. For each member it remembers the tree of the newest checked head,
 * co-signs only heads that extend that tree, and never co-signs two histories: the tree is on disk before the
 * co-signature leaves the node.
 */
export interface Witness {
  /** Checks a verified head message of another member. */
  consider(message: HeadMessage): HeadVerdict
  /** Size of the tree seen from a member: the height from which digests are missing. */
  seen(author: string): number
  /**
   * Takes digests of a member's entries from `seen` on, from any peer, and checks the head that had a gap. They are
   * accepted only if they lead to the root that the member signed.
   */
  fill(author: string, digests: readonly Uint8Array[]): HeadVerdict
  /** Entry digests of a member from `from` on, for other witnesses; at most `LIMITS.maxDigests`. */
  digests(author: string, from: number): readonly Uint8Array[]
  /** A member was convicted: its heads are no longer co-signed, since others may know different ones. */
  exclude(author: string): void
  /** The node is in this epoch of the run now. What was final before stays so, but is not remembered here. */
  enter(run: Run): void
  /** The entries of this node's own ledger as they were when it was opened, before any other call. */
  restoreOwn(entries: readonly CID[], newest: SignedEntry | undefined): void
  /** Adds an entry of this node's own ledger. */
  extendOwn(entry: SignedEntry): void
  /**
   * The node's own head with the pending co-signatures; undefined before the first own entry. On disk before it
   * resolves. Heads of rounds after the one that most pending ones are of wait for the next head: then the lists of
   * most witnesses are the same, and finality costs little (`FinalityTracker`).
   */
  sign(): Promise<HeadMessage | undefined>
  /** Whether witnessed heads wait to be co-signed. */
  readonly due: boolean
  /** Newest final head of a member, with its co-signatures. */
  finalHead(author: string): FinalHead | undefined
  /** Newest final head of every member that has one, in member order. */
  finalHeads(): readonly FinalHead[]
  /** Newest head seen from a member, with a checked signature. */
  newestHead(author: string): SignedHead | undefined
}

interface Seen {
  range: CompactRange
  head: SignedHead | undefined
  /** Newest digests, of the entries `range.size - digests.length` … `range.size - 1`. */
  digests: Uint8Array[]
  /** A signed head beyond the seen tree. */
  ahead: HeadMessage | undefined
}

/** Own heads that may stand in a list. */
const OWN_HEADS = 8
/** Digests per member that are kept for others. */
const HELD_DIGESTS = 4096

export interface WitnessInit {
  /** In the epoch with which the node begins. */
  readonly run: Run
  readonly signer: Signer
  readonly store: WitnessStore
  /** A head became final. */
  onFinal(head: SignedHead): void
}

export function createWitness(init: WitnessInit): Witness {
  const { signer, store } = init
  let { run } = init
  let finality = createFinalityTracker(run)
  const members = new Map<string, Seen>()
  const excluded = new Set<string>()
  const own: Seen = fresh()
  let newestOwn: SignedEntry | undefined
  let due: WitnessedHead[] = []
  /** The node's own newest heads: in a list like those of others, so that all witnesses sign the same one. */
  let ownHeads: WitnessedHead[] = []

  for (const { head, nodes } of store.load()) {
    const { author, height } = head.body
    members.set(author, {
      range: createCompactRange(height + 1, nodes),
      head,
      digests: [head.body.entry.multihash.digest],
      ahead: undefined,
    })
  }

  const seenOf = (author: string): Seen => {
    if (author === signer.peerId) return own
    const seen = members.get(author) ?? fresh()
    members.set(author, seen)
    return seen
  }

  const extendTree = ({ multihash: { digest } }: CID): void => {
    own.range.append(leafHash(digest))
    own.digests.push(digest)
  }

  const note = (message: HeadMessage): void => {
    for (const head of finality.note(message)) init.onFinal(head)
  }

  /** Of a member that is far ahead of this node's own signatures, older heads are given up: they count nowhere any more. */
  const cosignLater = (head: WitnessedHead): void => {
    due.push(head)
    const ofMember = due.filter(({ member }) => member === head.member)
    const oldest = ofMember[0]
    if (ofMember.length > COSIGNED_PER_MEMBER) due = due.filter((other) => other !== oldest)
  }

  /** Appends digests to a copy of a member's tree; keeps it if it leads to the root in the head. */
  const extend = (seen: Seen, message: HeadMessage, digests: readonly Uint8Array[]): HeadVerdict => {
    const { head } = message
    const { body } = head
    const below = digests.length > 1 ? digests[digests.length - 2]! : seen.digests.at(-1)
    const parent = body.height === 0 ? run.id.multihash.digest : below
    const range = seen.range.copy()
    for (const digest of digests) range.append(leafHash(digest))
    if (!equalBytes(range.root(), body.root)) return 'inconsistent'
    if (parent === undefined || !equalBytes(body.parent.multihash.digest, parent)) return 'inconsistent'
    seen.range = range
    seen.head = head
    seen.digests = [...seen.digests, ...digests].slice(-HELD_DIGESTS)
    if (seen.ahead !== undefined && seen.ahead.head.body.height <= body.height) seen.ahead = undefined
    if (!excluded.has(body.author)) cosignLater(asWitnessed(body, run))
    return 'witnessed'
  }

  return {
    consider(message) {
      const { body } = message.head
      // Who signs for it, and how many must, differs; whoever goes over to this epoch states its head again.
      if (!isSameEpoch(body.epoch, run.epoch)) return 'known'
      note(message)
      const seen = seenOf(body.author)
      if (body.height < seen.range.size) return 'known'
      if (body.height > seen.range.size) {
        if (seen.ahead === undefined || seen.ahead.head.body.height < body.height) seen.ahead = message
        return 'gap'
      }
      return extend(seen, message, [body.entry.multihash.digest])
    },
    seen: (author) => (author === signer.peerId ? own : members.get(author))?.range.size ?? 0,
    fill(author, digests) {
      const seen = seenOf(author)
      const { ahead } = seen
      if (ahead === undefined) return 'known'
      const missing = ahead.head.body.height - seen.range.size
      if (missing < 0) return 'known'
      if (digests.length < missing) return 'gap'
      return extend(seen, ahead, [...digests.slice(0, missing), ahead.head.body.entry.multihash.digest])
    },
    digests(author, from) {
      const seen = author === signer.peerId ? own : members.get(author)
      if (seen === undefined) return []
      const { range, digests } = seen
      const first = range.size - digests.length
      return from < first ? [] : digests.slice(from - first, from - first + LIMITS.maxDigests)
    },
    exclude(author) {
      excluded.add(author)
      const member = run.rosterIndex.get(author)
      due = due.filter((head) => head.member !== member)
    },
    extendOwn(entry) {
      extendTree(entry.cid)
      newestOwn = entry
    },
    enter(next) {
      if (next === run) return
      // Of one that is no member any more no head can become final; an index that has changed stands in the leaf.
      const stays = ({ member }: WitnessedHead): boolean =>
        next.memberIndex.has(run.roster[member]!) && next.roster[member] === run.roster[member]
      due = due.filter(stays)
      ownHeads = ownHeads.filter(stays)
      run = next
      finality = createFinalityTracker(run)
    },
    restoreOwn(entries, newest) {
      for (const cid of entries) extendTree(cid)
      newestOwn = newest
    },
    async sign() {
      if (newestOwn === undefined) return undefined
      const round = commonRound(due)
      const ripe = due.filter((head) => head.round <= round)
      const cosigned = ripe.slice(0, maxCosignedOthers(run.roster.length))
      due = [...ripe.slice(cosigned.length), ...due.filter((head) => head.round > round)]
      if (cosigned.length > 0) cosigned.push(...ownHeads.filter((head) => head.round === round))
      await store.save(
        [...members.values()].flatMap(({ head, range }) =>
          head === undefined ? [] : [{ head, nodes: range.nodes }],
        ),
      )
      const { height } = newestOwn.body
      const message = signHead(headOf(newestOwn, own.range.root(), run), cosigned, signer)
      ownHeads = [
        ...ownHeads.filter((head) => head.height !== height),
        asWitnessed(message.head.body, run),
      ].slice(-OWN_HEADS)
      note(message)
      return message
    },
    get due() {
      return due.length > 0
    },
    finalHead: (author) => finality.finalHead(author),
    finalHeads: () => run.manifest.members.flatMap((member) => finality.finalHead(member) ?? []),
    newestHead: (author) => members.get(author)?.head,
  }
}

/** What a node says of its ledger, which ends with this entry. */
function headOf({ cid, body: { height, round, parent } }: SignedEntry, root: Uint8Array, run: Run) {
  const epoch = run.epoch === undefined ? {} : { epoch: run.epoch }
  return { run: run.id, ...epoch, height, round, entry: cid, parent, root }
}

function fresh(): Seen {
  return { range: createCompactRange(), head: undefined, digests: [], ahead: undefined }
}
