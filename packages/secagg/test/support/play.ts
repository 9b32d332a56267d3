import {
  cidFromDigest,
  type GroupWordBody,
  RAW,
  type Run,
  type SignedGroupWord,
  sha256,
  signGroupWord,
} from '@tempered/protocol'
import { type Dealing, dealModel, type Parcel } from '../../src/dealing/deal-model.js'
import { encodeModel } from '../../src/encoding/fixed-point.js'
import { P } from '../../src/field/field.js'
import { dealMasks } from '../../src/masks/deal-masks.js'
import { type PrivateGroup, privateGroup } from '../../src/session/private-group.js'
import { createPrivateSession, type PrivateSession } from '../../src/session/private-session.js'
import type { SessionEffect, SessionEvent } from '../../src/session/session-steps.js'
import { kernels, modelOf } from './group.js'
import { signerOf } from './private-run.js'
import { streamOf } from './random.js'

/** What a member does otherwise than an honest one. */
export interface Deviation {
  /** Says nothing from the step on in which it would say this. */
  readonly silentFrom?: GroupWordBody['kind']
  /** Changes what it says, or to whom; undefined: to nobody. */
  say?(body: GroupWordBody, to: number): GroupWordBody | undefined
  /** Changes what it deals. */
  deal?(dealing: Dealing): Dealing
  /** Changes the parcel that a holder gets; undefined: it cannot be had. */
  parcel?(parcel: Parcel, holder: number): Parcel | undefined
  /** Changes a vector that another member fetches from it; undefined: it cannot be had. */
  share?(share: Uint8Array): Uint8Array | undefined
  /** Never ends the transfer of its share of the sum. */
  readonly stallsShare?: boolean
  /** Other vectors that can be had from it, under their own hashes. */
  offers?(): readonly Uint8Array[]
  /** Nothing can be had from it any more once it is silent. */
  readonly isUnreachable?: boolean
  /** It deals the first masks that it draws, whether or not they hide what is opened. */
  readonly isPatient?: boolean
  /** Whoever gets a word of it passes that on to all. */
  readonly isGossiped?: boolean
  /** Elements in place of the encoded model. */
  elements?(elements: BigUint64Array): BigUint64Array
}

export interface Played {
  readonly group: PrivateGroup
  readonly sessions: readonly PrivateSession[]
  /** How each member's round ended. */
  readonly ends: readonly (SessionEffect | undefined)[]
  readonly models: readonly Float32Array[]
  readonly contradictions: readonly (readonly [SignedGroupWord, SignedGroupWord])[]
  /** What each member has said, whoever heard it. */
  readonly said: readonly (readonly GroupWordBody[])[]
}

/**
 * A round of a group whose members talk over queues: everything arrives, in an order that follows from a seed, and deadlines pass
 * only when nothing else is left to do.
 */
export function play(
  run: Run,
  deviations: ReadonlyMap<number, Deviation> = new Map(),
  seed = 1,
  {
    speaks = () => true,
    isLate = () => false,
  }: {
    speaks?: (member: number) => boolean
    /** Words of others that a member hears only once its first deadline has passed. */
    isLate?: (hearer: number, body: GroupWordBody) => boolean
  } = {},
): Played {
  const { members } = run.manifest
  const group = privateGroup(run, 0, members[0])!
  const n = group.members.length
  const models = members.map((_, member) => modelOf(group.plan, 10 * seed + member))
  const all = new Set(Array.from({ length: n }, (_, k) => k))
  const gone = new Set<number>()
  const sessions = Array.from({ length: n }, (_, self) =>
    createPrivateSession({ group, self, speaks: speaks(self), refused: [], awaited: all, kernels }),
  )
  const ends: (SessionEffect | undefined)[] = sessions.map(() => undefined)
  const contradictions: (readonly [SignedGroupWord, SignedGroupWord])[] = []
  const dealings: (Dealing | undefined)[] = sessions.map(() => undefined)
  const offered = new Map<string, Uint8Array>()
  const said: GroupWordBody[][] = sessions.map(() => [])
  const shown = new Map<string, Parcel>()
  const queue: (() => void)[] = []
  const late: (() => void)[] = []
  const armed = sessions.map(() => new Set<SessionEvent & { type: 'timeout' }>())
  const draw = streamOf(seed)
  const next = (): (() => void) => {
    const at = new DataView(draw.bytes(4).buffer).getUint32(0) % queue.length
    return queue.splice(at, 1)[0]
  }
  const give = (member: number, event: SessionEvent): void => {
    queue.push(() => {
      if (!gone.has(member)) perform(member, sessions[member].handle(event))
    })
  }
  const perform = (member: number, effects: readonly SessionEffect[]): void => {
    for (const effect of effects) act(member, effect)
  }
  const act = (member: number, effect: SessionEffect): void => {
    const deviation = deviations.get(member) ?? {}
    switch (effect.type) {
      case 'say': {
        if (deviation.silentFrom === effect.body.kind) {
          gone.add(member)
          return
        }
        said[member].push(effect.body)
        for (let to = 0; to < n; to++) {
          const body = deviation.say === undefined ? effect.body : deviation.say(effect.body, to)
          if (body === undefined) continue
          const word = signGroupWord(body, signerOf(member))
          for (const hearer of deviation.isGossiped ? all : [to])
            if (hearer !== member && isLate(hearer, body))
              late.push(() => give(hearer, { type: 'word', word }))
            else give(hearer, { type: 'word', word })
        }
        return
      }
      case 'fetch-parcel': {
        const { parcel: change = (parcel: Parcel) => parcel } = deviations.get(effect.dealer) ?? {}
        const parcel = change(dealings[effect.dealer]!.parcels[member], member)
        give(member, { type: 'parcel', dealer: effect.dealer, parcel })
        return
      }
      case 'show':
        shown.set(effect.parcel.vector.join(), effect.parcel)
        return
      case 'fetch-shown': {
        const { dealer, holder } = effect.accused
        const parcel = dealings[dealer]!.parcels[holder]
        give(member, { type: 'shown', accused: effect.accused, parcel })
        return
      }
      case 'offer-share':
        offered.set(`${member} ${cidFromDigest(RAW, sha256(effect.share))}`, effect.share)
        return
      case 'fetch-share': {
        if (deviations.get(effect.holder)?.stallsShare) return
        const { holder } = effect
        const { cid } = effect.share
        const { share: change, offers, isUnreachable = false } = deviations.get(holder) ?? {}
        for (const other of offers?.() ?? [])
          offered.set(`${holder} ${cidFromDigest(RAW, sha256(other))}`, other)
        const share = isUnreachable && gone.has(holder) ? undefined : offered.get(`${holder} ${cid}`)
        give(member, { type: 'share', holder, cid, share: share && change ? change(share) : share })
        return
      }
      case 'arm':
        armed[member].add({ type: 'timeout', phase: effect.phase })
        return
      case 'contradiction':
        contradictions.push(effect.words)
        return
      case 'opened':
      case 'failed':
        ends[member] = effect
    }
  }
  for (const [member, session] of sessions.entries()) {
    perform(member, session.start())
    if (!speaks(member)) continue
    const {
      elements: change = (same: BigUint64Array) => same,
      deal = (same: Dealing) => same,
      isPatient = false,
    } = deviations.get(member) ?? {}
    const plan = isPatient ? { ...group.plan, bounds: { ...group.plan.bounds, opened: P } } : group.plan
    const reference = new Float32Array(run.manifest.model.parameterCount)
    const { elements } = encodeModel(
      group.plan.encoding,
      models[member],
      reference,
      streamOf(1000 * seed + member),
    )
    const dealing = deal(
      group.mode === 'masks'
        ? dealMasks(plan.scheme, change(elements), streamOf(77 * seed + member))
        : dealModel(
            plan,
            change(elements),
            member,
            group.contextOf(member),
            streamOf(77 * seed + member),
            kernels,
          ),
    )
    dealings[member] = dealing
    give(member, { type: 'dealt', dealing })
  }
  for (let turns = 0; turns < 100; turns++) {
    while (queue.length > 0) next()()
    if (turns === 1) for (const hear of late.splice(0)) hear()
    while (queue.length > 0) next()()
    if (ends.every((end, member) => end !== undefined || gone.has(member))) break
    // One that only listens waits for longer than the others take.
    for (const [member, session] of sessions.entries())
      if (ends[member] === undefined && (speaks(member) || turns > 10))
        give(member, { type: 'timeout', phase: session.phase })
  }
  return { group, sessions, ends, models, contradictions, said }
}
