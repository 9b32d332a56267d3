import type { Finding, NoSum, PrivateGroup, PrivateSession } from '@tempered/secagg'
import type { PrivateEnd } from './private-round.js'

/** What a private round has shown, for reports. */
export interface PrivateReport {
  /** Milliseconds from the node's own dealing to the sum. */
  readonly ms: number
  /** Undefined when a sum was opened. */
  readonly reason?: NoSum
  /** One per member of the group, in member order. */
  readonly members: readonly PrivateMember[]
}

export interface PrivateMember {
  readonly peer: string
  readonly isSelf: boolean
  /** Whether it has shared a model that the others could test. */
  readonly isShared: boolean
  /** Whether its model is in the sum. */
  readonly accepted: boolean
  /** Its part of the sum, in [0, 1]. */
  readonly weight: number
  /** What the rule compared, of its model; null where nothing was. */
  readonly score: number | null
  readonly threshold: number | null
  /** `in-sum`, `refused` by the rule, `not-shared`, or what was found out about it. */
  readonly reason: string
}

export function reportOf(
  group: PrivateGroup,
  self: number,
  session: Pick<PrivateSession, 'decision' | 'words'>,
  end: PrivateEnd,
  findings: readonly Finding[],
  ms: number,
): PrivateReport {
  const { decision } = session
  const chosen = end.type === 'opened' ? end.decision : undefined
  const total = chosen?.weights.reduce((sum, weight) => sum + weight, 0) ?? 1
  const members = group.members.map((peer, place): PrivateMember => {
    const at = chosen?.dealers.indexOf(place) ?? -1
    const weight = at < 0 ? 0 : chosen!.weights[at]! / total
    const own = decision?.dealers.indexOf(place) ?? -1
    const fault = findings.find(({ member }) => member === place)?.fault
    const reason = weight > 0 ? 'in-sum' : (fault ?? (at < 0 ? 'not-shared' : 'refused'))
    return {
      peer,
      isSelf: place === self,
      isShared: session.words.of('deal').has(place),
      accepted: weight > 0,
      weight,
      score: own < 0 ? null : (decision?.scores?.[own] ?? null),
      threshold: own < 0 ? null : (decision?.threshold ?? null),
      reason,
    }
  })
  return { ms, ...(end.type === 'failed' ? { reason: end.reason } : {}), members }
}
