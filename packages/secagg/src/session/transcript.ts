/**
 * What was said in a private round, for the ledger: whoever has it computes the verdicts again and checks the opened sum against
 * what the members have said about their shares of it. What it cannot check is that a member has dealt the model that it trained.
 */

import { errorMessage } from '@tempered/errors'
import {
  decodeCanonical,
  decodeGroupWord,
  encodeCanonical,
  ProtocolError,
  type Run,
  type SignedGroupWord,
  verifyGroupWord,
} from '@tempered/protocol'
import { z } from 'zod'
import { SecaggError } from '../errors.js'
import type { FieldKernels } from '../field/kernels.js'
import { checkSum, sumPoints } from '../opening/sum.js'
import { secretPoint } from '../sharing/scheme.js'
import { type Decision, decide, type NoSum } from './decide.js'
import { type MaskDecision, votedMasks } from './decide-masks.js'
import { type Finding, findingsOf } from './findings.js'
import { countingOf } from './group-session.js'
import { isUnmaskedSum, maskFindings } from './open-masks.js'
import { type PrivateGroup, privateGroup } from './private-group.js'
import { type Selection, selectDealers } from './select-dealers.js'
import { selectMaskDealers } from './select-mask-dealers.js'
import type { VotedDecision } from './session-steps.js'
import { GroupWords, hexOf, valuesIn } from './words.js'

/** Words of all kinds of 48 members, and a frame. */
export const MOST_TRANSCRIPT_BYTES = 8 * 1024 * 1024

const transcriptSchema = z.strictObject({
  kind: z.literal('tempered/private-round'),
  version: z.literal(1),
  round: z.int().min(0),
  /** Peer id of the member that has kept it: the group is that of this member. */
  author: z.string().max(64),
  words: z.array(z.custom<Uint8Array>((value) => value instanceof Uint8Array)).max(8 * 64),
  /** SHA-256 of the decision whose sum was opened; null when none was. */
  opened: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === 32).nullable(),
  /** Why none was; null when one was. */
  reason: z.string().max(64).nullable(),
})

export interface TranscriptInit {
  readonly round: number
  readonly author: string
  readonly words: readonly SignedGroupWord[]
  readonly opened: Uint8Array | null
  readonly reason: NoSum | null
}

export function encodeTranscript({ words, ...rest }: TranscriptInit): Uint8Array {
  return encodeCanonical({
    kind: 'tempered/private-round',
    version: 1,
    ...rest,
    words: words.map(({ bytes }) => bytes),
  })
}

export interface OpenedTranscript {
  readonly group: PrivateGroup
  readonly author: string
  readonly words: GroupWords
  readonly selection: Selection
  /** What follows from the words; in the cheap mode what was opened, if the words are those that it follows from. */
  readonly decision: Decision | MaskDecision | NoSum
  /** The decision with the votes, if its sum was opened. */
  readonly opened: VotedDecision | undefined
  readonly reason: string | undefined
  readonly findings: readonly Finding[]
}

/**
 * Opens a transcript and checks every signature in it, and that a quorum has voted for the decision that it says to be opened.
 * Throws ProtocolError E_MALFORMED, E_NOT_CANONICAL, E_TOO_LARGE, E_SIGNATURE.
 */
export function openTranscript(run: Run, bytes: Uint8Array): OpenedTranscript {
  const value = decodeCanonical(bytes, MOST_TRANSCRIPT_BYTES, 'transcript of a private round')
  const parsed = transcriptSchema.safeParse(value)
  if (!parsed.success) throw malformed(errorMessage(parsed.error))
  const { round, author, opened, reason } = parsed.data
  const group = privateGroup(run, round, author)
  if (group === undefined) throw malformed(`${author} is not a member of the run`)
  const words = new GroupWords(group)
  for (const encoded of parsed.data.words) {
    const word = decodeGroupWord(encoded)
    verifyGroupWord(word)
    if (!word.body.run.equals(run.id) || words.add(word) !== 'new')
      throw malformed('a word that does not belong in it')
  }
  if (group.mode === 'masks') return openedMasks(group, words, parsed.data)
  const selection = selectDealers(group, words)
  const decision = decide(group, selection, words)
  return {
    group,
    author,
    words,
    selection,
    decision,
    opened: opened === null ? undefined : votedFor(group, words, opened),
    reason: reason ?? undefined,
    findings: findingsOf({
      group,
      self: group.placeOf(author)!,
      words,
      selection,
      decision: typeof decision === 'object' ? decision : undefined,
      wrongOpenings: [],
      shown: [],
      broken: [],
    }),
  }
}

function openedMasks(
  group: PrivateGroup,
  words: GroupWords,
  { author, opened, reason }: z.infer<typeof transcriptSchema>,
): OpenedTranscript {
  const voted = opened === null ? undefined : votedFor(group, words, opened)
  const decision = voted && votedMasks(group, words, voted)
  return {
    ...{ group, author, words },
    selection: selectMaskDealers(group, words),
    decision: decision ?? 'no-quorum',
    opened: voted,
    reason: reason ?? undefined,
    findings: maskFindings(group, group.placeOf(author)!, words, decision, []),
  }
}

function votedFor(group: PrivateGroup, words: GroupWords, digest: Uint8Array): VotedDecision {
  const name = hexOf(digest)
  const votes = [...words.of('vote').values()].map(({ body }) => body)
  const counts = new Map<string, number>()
  for (const { decision, dealers, weights } of votes) {
    if (hexOf(decision) !== name) continue
    const key = `${dealers.join()} ${weights.join()}`
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    if (count >= group.quorum) return { digest, dealers, weights }
  }
  throw malformed(`no ${group.quorum} members have voted for the decision that was opened`)
}

/**
 * Whether a vector is the opened sum, by what the members have said about their shares of it. Wrong ones pass with a chance of at
 * most (d/p)².
 *
 * @param sum - of field elements, length d
 */
export function isOpenedSum(
  { group, words, opened, decision }: OpenedTranscript,
  sum: BigUint64Array,
  kernels: FieldKernels,
): boolean {
  if (opened === undefined) return false
  if (group.mode === 'masks')
    return isMaskDecision(decision) && isUnmaskedSum(group, words, decision, sum, kernels)
  const { scheme } = group.plan
  if (scheme.packed !== 1 || sum.length !== group.plan.encoding.parameterCount) return false
  const points = sumPoints(opened.digest)
  const said = new Map<number, readonly bigint[]>()
  for (const [member, { body }] of words.of('opening')) {
    const values = valuesIn(body.values, points.length)
    if (hexOf(body.decision) === hexOf(opened.digest) && values !== undefined) said.set(member, values)
  }
  try {
    const { valueAt } = checkSum(scheme, said, points)
    return points.every((point, k) => kernels.evaluate(sum, point) === valueAt(k, secretPoint(0)))
  } catch (error) {
    if (error instanceof SecaggError && error.code === 'E_UNDECODABLE') return false
    throw error
  }
}

const isMaskDecision = (decision: Decision | NoSum): decision is MaskDecision =>
  typeof decision === 'object' && 'masked' in decision

/** Σ weights of an opened sum. */
export const weightOf = (opened: VotedDecision): number =>
  countingOf(opened).reduce((sum, { weight }) => sum + weight, 0)

function malformed(what: string): ProtocolError {
  return new ProtocolError('E_MALFORMED', `transcript of a private round: ${what}`)
}
