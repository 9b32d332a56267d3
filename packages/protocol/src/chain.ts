import type { CID } from 'multiformats/cid'
import { openAnnouncement, type SignedAnnouncement } from './announcement.js'
import { encodeCanonical, equalBytes } from './codec.js'
import { noisySteps } from './differential-privacy.js'
import { decodeEntry, type SignedEntry, verifyEntry } from './entry.js'
import type { ProblemOf } from './epochs/amend.js'
import { type ChangeMessage, isChangeBlock, openChange } from './epochs/change.js'
import { openEpochs } from './epochs/epoch-book.js'
import { ProtocolError } from './errors.js'
import { isSameEpoch, type Run } from './manifest.js'

/** Checks one node's chain entry by entry, starting with the first. Keeps only the last entry in memory. */
export interface ChainVerifier {
  /** The run in the epoch that the next entry is of: with all changes that were accepted. */
  readonly run: Run
  /** Changes that were accepted, oldest first. */
  readonly changes: readonly ChangeMessage[]
  /** Number of entries accepted so far, which is the height of the next one. */
  readonly length: number
  /** CID of the last accepted entry, or the run id. */
  readonly head: CID
  readonly last: SignedEntry | undefined
  /**
   * Accepts the next entry. Throws a ProtocolError that names the first problem with it: encoding, run, author,
   * height, parent, round order, rule, announcements, signature.
   */
  accept(bytes: Uint8Array): SignedEntry
  /**
   * The same for an entry that this process has just signed: its encoding and signature are trusted, everything else
   * is checked.
   */
  acceptOwn(entry: SignedEntry): void
  /**
   * Accepts a change, which holds from the next entry on. Throws what `openChange` and `EpochBook.offer` throw, and E_CHANGE
   * for one that is not decided or was accepted before.
   */
  acceptChange(bytes: Uint8Array): ChangeMessage
  /** Accepts the next block of a ledger, an entry or a change; undefined for a change. */
  acceptBlock(bytes: Uint8Array): SignedEntry | undefined
}

/** What a verifier is told of a run besides its manifest. */
export interface ChainRules {
  /** The topology of the run in an epoch: entries must name exactly these neighbours in this order. */
  readonly neighboursOf?: ((run: Run) => (peer: string) => readonly string[]) | undefined
  /** See `openEpochs`. */
  readonly problemOf?: ProblemOf | undefined
  /**
   * Decodes and checks the announcements inside entries. A caller that has checked them before can skip the signature.
   */
  readonly open?: OpenAnnouncement | undefined
}

/** Throws ProtocolError unless the bytes are a canonical announcement with its author's signature. */
export type OpenAnnouncement = (bytes: Uint8Array) => SignedAnnouncement

/** A verifier for the chain of `author` in a run; without `author`, the author of the first entry. */
export function createChainVerifier(
  base: Run,
  author?: string,
  { neighboursOf, problemOf, open = openAnnouncement }: ChainRules = {},
): ChainVerifier {
  const epochs = openEpochs(base, problemOf)
  const changes: ChangeMessage[] = []
  let run = epochs.base
  let expectedAuthor = author
  let last: SignedEntry | undefined
  let length = 0

  const checkSize = (bytes: Uint8Array): void => {
    const { maxEntryBytes } = run.manifest.limits
    if (bytes.byteLength <= maxEntryBytes) return
    throw new ProtocolError(
      'E_TOO_LARGE',
      `entry ${length + 1}: ${bytes.byteLength} bytes, but this run allows ${maxEntryBytes}`,
    )
  }

  const check = (entry: SignedEntry): void => {
    const where = `entry ${length + 1}`
    const { maxNeighbours } = run.manifest.limits
    const { body } = entry
    if (body.neighbours.length > maxNeighbours) {
      throw new ProtocolError(
        'E_NEIGHBOURS',
        `${where}: ${body.neighbours.length} neighbours, but this run allows ${maxNeighbours}`,
      )
    }
    if (!body.run.equals(run.id)) {
      throw new ProtocolError(
        'E_WRONG_RUN',
        `${where}: belongs to run ${body.run}, but this ledger is of run ${run.id}`,
      )
    }
    checkEpoch(entry, run, changes, where)
    if (!run.memberIndex.has(body.author)) {
      throw new ProtocolError('E_NOT_A_MEMBER', `${where}: author ${body.author} is not a member of the run`)
    }
    if (expectedAuthor !== undefined && body.author !== expectedAuthor) {
      throw new ProtocolError(
        'E_WRONG_AUTHOR',
        `${where}: written by ${body.author}, not by ${expectedAuthor}`,
      )
    }
    if (body.height !== length) {
      throw new ProtocolError(
        'E_HEIGHT',
        `${where}: has height ${body.height}, expected ${length}; heights count from 0`,
      )
    }
    const parent = last?.cid ?? run.id
    if (!body.parent.equals(parent)) {
      throw new ProtocolError('E_PARENT', `${where}: its parent is ${body.parent}, not ${parent}`)
    }
    if (last !== undefined && body.round <= last.body.round) {
      throw new ProtocolError(
        'E_ROUND_ORDER',
        `${where}: round ${body.round} does not follow round ${last.body.round}`,
      )
    }
    if (body.round >= run.manifest.training.rounds) {
      throw new ProtocolError(
        'E_ROUND_RANGE',
        `${where}: round ${body.round} in a run of ${run.manifest.training.rounds} rounds`,
      )
    }
    checkRule(entry, run, where)
    checkStart(entry, last, run, where)
    checkOwnAnnouncement(entry, parent, run, open, where)
    checkNeighbours(entry, run, neighboursOf?.(run)(body.author), open, where)
    checkContribution(entry, run, where)
    checkPrivacy(entry, run, open, where)
    checkPrivacyRecord(entry, last, run, where)
  }

  const extend = (entry: SignedEntry): void => {
    expectedAuthor = entry.body.author
    last = entry
    length += 1
  }

  const accept = (bytes: Uint8Array): SignedEntry => {
    checkSize(bytes)
    const entry = decodeEntry(bytes)
    check(entry)
    verifyEntry(entry)
    extend(entry)
    return entry
  }

  const acceptChange = (bytes: Uint8Array): ChangeMessage => {
    const message = openChange(bytes)
    const where = `change ${changes.length + 1}`
    if (epochs.find(message.cid) !== undefined)
      throw new ProtocolError('E_CHANGE', `${where}: it was made before`)
    if (epochs.offer(message) !== 'decided') {
      // A refused block leaves nothing behind.
      epochs.expire(Number.POSITIVE_INFINITY)
      throw new ProtocolError('E_CHANGE', `${where}: too few have signed it`)
    }
    changes.push(message)
    run = epochs.withChanges(changes)
    return message
  }

  return {
    get run() {
      return run
    },
    get changes() {
      return changes
    },
    get length() {
      return length
    },
    get head() {
      return last?.cid ?? run.id
    },
    get last() {
      return last
    },
    accept,
    acceptOwn(entry) {
      checkSize(entry.bytes)
      check(entry)
      extend(entry)
    },
    acceptChange,
    acceptBlock(bytes) {
      if (!isChangeBlock(bytes)) return accept(bytes)
      acceptChange(bytes)
      return undefined
    },
  }
}

/** An entry is of the epoch that all changes before it lead to, and each of them holds by its round. */
function checkEpoch({ body }: SignedEntry, run: Run, changes: readonly ChangeMessage[], where: string): void {
  if (!isSameEpoch(body.epoch, run.epoch))
    throw new ProtocolError(
      'E_EPOCH',
      `${where}: it is of epoch ${body.epoch ?? 'none'}, but the changes before it lead to ${run.epoch ?? 'none'}`,
    )
  const early = changes.find(({ change }) => change.from > body.round)
  if (early !== undefined)
    throw new ProtocolError(
      'E_EPOCH',
      `${where}: a change before it holds from round ${early.change.from}, but it is of round ${body.round}`,
    )
}

function checkRule(entry: SignedEntry, run: Run, where: string): void {
  const due = run.manifest.rule
  const { rule } = entry.body
  if (!equalBytes(encodeCanonical(rule), encodeCanonical(due))) {
    throw new ProtocolError(
      'E_RULE_MISMATCH',
      `${where}: rule ${rule.name} with its parameters is not the manifest's ${due.name}`,
    )
  }
}

/**
 * Training begins where the last round ended. Only after a gap may a node begin with a model that others had reached, and
 * in a run with a common chain with the aggregate of a block, which this ledger does not know.
 */
function checkStart(entry: SignedEntry, last: SignedEntry | undefined, run: Run, where: string): void {
  const { start, round } = entry.body
  if (last !== undefined && run.manifest.chain !== undefined) return
  const due = last?.body.aggregate.toString() ?? run.manifest.model.initialCid
  const skipped = round - 1 - (last?.body.round ?? -1)
  if (skipped === 0 && start.toString() !== due) {
    throw new ProtocolError(
      'E_START',
      `${where}: its training began with ${start}, not with the model ${due} of the previous round`,
    )
  }
}

function openCarried(
  bytes: Uint8Array,
  author: string,
  entry: SignedEntry,
  run: Run,
  open: OpenAnnouncement,
  where: string,
): SignedAnnouncement {
  const announcement = open(bytes)
  const { body } = announcement
  if (body.author !== author || body.round !== entry.body.round || !body.run.equals(run.id)) {
    throw new ProtocolError(
      'E_NEIGHBOURS',
      `${where}: contains an announcement that is not ${author}'s for its round`,
    )
  }
  if (body.byteLength !== run.modelBytes) {
    throw new ProtocolError('E_MODEL_LENGTH', `${where}: ${author} announced ${body.byteLength} bytes`)
  }
  return announcement
}

function checkOwnAnnouncement(
  entry: SignedEntry,
  parent: CID,
  run: Run,
  open: OpenAnnouncement,
  where: string,
): SignedAnnouncement {
  const own = openCarried(entry.body.announcement, entry.body.author, entry, run, open, where)
  if (!own.body.parent.equals(parent)) {
    throw new ProtocolError(
      'E_PARENT',
      `${where}: its announcement builds on ${own.body.parent}, not on ${parent}`,
    )
  }
  return own
}

function checkNeighbours(
  entry: SignedEntry,
  run: Run,
  due: readonly string[] | undefined,
  open: OpenAnnouncement,
  where: string,
): void {
  const { neighbours, author } = entry.body
  if (
    due !== undefined &&
    (due.length !== neighbours.length || due.some((peer, k) => neighbours[k]?.peer !== peer))
  ) {
    throw new ProtocolError('E_NEIGHBOURS', `${where}: does not name ${author}'s neighbours in member order`)
  }
  let previous = -1
  for (const record of neighbours) {
    const index = run.memberIndex.get(record.peer)
    if (index === undefined || record.peer === author) {
      throw new ProtocolError('E_NEIGHBOURS', `${where}: ${record.peer} cannot be a neighbour of ${author}`)
    }
    if (index <= previous) {
      throw new ProtocolError('E_NEIGHBOURS', `${where}: neighbours are not in member order, each once`)
    }
    previous = index
    if (record.accepted && record.announcement === null) {
      throw new ProtocolError('E_NEIGHBOURS', `${where}: accepts ${record.peer} without its announcement`)
    }
    if (record.announcement !== null) openCarried(record.announcement, record.peer, entry, run, open, where)
  }
}

/** Whether the members of a run score their neighbours in a round. Without local steps there is nothing to score. */
export function scoresNeighbours({ contribution, training }: Run['manifest'], round: number): boolean {
  return contribution !== undefined && training.localSteps > 0 && (round + 1) % contribution.every === 0
}

/** An entry of a private run names what its group has said, and without a sum nothing new is announced. */
function checkPrivacy({ body }: SignedEntry, { manifest }: Run, open: OpenAnnouncement, where: string): void {
  const { privacy, announcement, start } = body
  if ((manifest.privacy === undefined) !== (privacy === undefined))
    throw new ProtocolError(
      'E_PRIVACY',
      `${where}: ${privacy === undefined ? 'lacks the transcript that its private run asks for' : 'names a transcript, but its run is not private'}`,
    )
  if (privacy !== undefined && privacy.sum === null && !open(announcement).body.model.equals(start))
    throw new ProtocolError('E_PRIVACY', `${where}: announces a model of its own, although no sum was opened`)
}

/** Scores are there in runs that ask for them and in no others, and only of models that arrived. */
function checkContribution({ body }: SignedEntry, { manifest }: Run, where: string): void {
  const fail = (what: string): never => {
    throw new ProtocolError('E_CONTRIBUTION', `${where}: ${what}`)
  }
  const { contribution, neighbours, round } = body
  if (manifest.contribution === undefined && contribution !== undefined)
    fail('scores contributions, but its run does not')
  if (manifest.contribution !== undefined && contribution === undefined)
    fail('lacks the scores of contributions that its run asks for')
  const scores = contribution?.neighbours ?? null
  const own = contribution?.own ?? null
  if ((scores === null) !== (own === null)) fail('scores its neighbours or itself, but not both')
  if (scores === null) return
  if (!scoresNeighbours(manifest, round)) fail('scores its neighbours in a round in which nobody does')
  if (scores.length !== neighbours.length)
    fail(`scores ${scores.length} neighbours, but names ${neighbours.length}`)
  for (const [k, score] of scores.entries()) {
    const { peer, arrival } = neighbours[k]!
    if ((score === null) !== (arrival === null))
      fail(arrival === null ? `scores ${peer}, whose model did not arrive` : `does not score ${peer}`)
  }
  for (const copyOf of [own, ...scores].map((score) => score?.copyOf ?? null))
    if (copyOf !== null && copyOf >= manifest.members.length)
      fail(`names member ${copyOf} of ${manifest.members.length} as one whose model was copied`)
}

/**
 * The record of privacy is there in runs that ask for it and in no others, counts the manifest's steps, and never falls
 * back to fewer samples per step than it has said. ε itself is the accountant's to check, which this package does not know.
 */
function checkPrivacyRecord(
  { body }: SignedEntry,
  last: SignedEntry | undefined,
  { manifest }: Run,
  where: string,
): void {
  const fail = (what: string): never => {
    throw new ProtocolError('E_DIFFERENTIAL_PRIVACY', `${where}: ${what}`)
  }
  const { differentialPrivacy: record, round, metrics, losses } = body
  const { differentialPrivacy: due, training } = manifest
  if (due === undefined || record === undefined) {
    if (record !== undefined) fail('speaks of differential privacy, which its run does not have')
    if (due !== undefined) fail('lacks the privacy spent, which its run asks for')
    return
  }
  const steps = noisySteps(due, training.localSteps, round)
  if (record.steps !== steps) fail(`counts ${record.steps} noisy steps, but there are ${steps} by then`)
  if (due.on === 'update' && record.samplingRate !== 1)
    fail(`has a sampling rate of ${record.samplingRate}, but every update has all samples in it`)
  const before = last?.body.differentialPrivacy?.samplingRate ?? 0
  if (record.samplingRate < before)
    fail(`has a sampling rate of ${record.samplingRate}, below ${before} of the entry before`)
  if (metrics.trainingLoss !== null || losses.length > 0)
    fail('publishes losses on the samples that its run protects')
}
