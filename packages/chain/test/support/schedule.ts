import type { CID } from 'multiformats/cid'
import type { Architecture } from '../../src/architecture.js'
import type { Block, Candidate, Proposal } from '../../src/block.js'
import {
  type ChainMember,
  createChainMember,
  type MemberInput,
  type MemberOutput,
} from '../../src/chain-member.js'
import { ChainError } from '../../src/errors.js'
import type { ChainMessage } from '../../src/message.js'
import { findNonce } from '../../src/mining.js'
import { cheapSigners, cheapVerify, makeRun, modelCid, modelOf, proposalOf } from './fixture.js'

/**
 * A history of a chain in virtual time: members that are honest, crash or lie, on a network that delays, loses and
 * parts until `healMs`, and delivers within `deltaMs` from then on. Everything follows from the seed.
 */
export interface Schedule<P, S> {
  readonly architecture: Architecture<P, S>
  readonly params: P
  readonly members: number
  readonly rounds: number
  readonly seed: number
  readonly deltaMs: number
  readonly healMs: number
  readonly endMs: number
  /** Probability that a message is lost before the network heals. */
  readonly loss: number
  /** Each liar is in two worlds: it shows one face to some members and other liars, and another to the rest. */
  readonly liars: readonly number[]
  /** Members that crash and start again from what they had stored. */
  readonly crashes: readonly { readonly member: number; readonly atMs: number; readonly forMs: number }[]
  /** The part in which a member is until the network heals; undefined for one that reaches all. Default: no parts. */
  readonly parted?: ((member: number) => number | undefined) | undefined
  /** Members whose architecture a test has changed: nothing is expected of them. */
  readonly ignored?: readonly number[] | undefined
  /** A member that states another aggregate than its candidates give. */
  readonly wrong?: number | undefined
  /** Whether a member belongs to the liars' second world. */
  readonly secondFace: (member: number) => boolean
}

export interface History {
  /** Final blocks at the honest members, by member and height. */
  readonly finals: ReadonlyMap<number, ReadonlyMap<number, string>>
  /** Two final blocks at one height, or E_CHAIN_SPLIT; undefined when there were none. */
  readonly violation: string | undefined
  /** Final blocks of the member that has the fewest. */
  readonly least: number
  readonly messages: number
  /** The chain of the first honest member. */
  readonly chain: readonly Block[]
}

/** An aggregate that nobody's candidates give. */
export const WRONG = modelCid('wrong')

/** What everybody measures of a model. */
export const scoreOf = (model: CID): number => model.multihash.digest[0]! / 255

/** Mulberry32: enough for schedules. */
export function randomOf(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Seeds 1 … count in parts of `size`, as first and last of each. */
export const parts = (count: number, size: number): [number, number][] =>
  Array.from({ length: Math.ceil(count / size) }, (_, k) => [k * size + 1, Math.min(count, (k + 1) * size)])

interface Face {
  readonly member: number
  readonly version: string
  state: Pick<ChainMember<unknown>, 'handle'> & {
    readonly tree: {
      readonly final: Block | undefined
      chain(): Block[]
      readonly head: { readonly block: Block | undefined }
    }
  }
  up: boolean
  life: number
  mining: number
  readonly timers: Map<string, number>
  readonly blocks: Block[]
  readonly messages: ChainMessage[]
  collected: { readonly parent: CID | null; readonly candidates: readonly Candidate[] } | undefined
  /** Which of two worlds it is in: a liar has a face in each, and keeps them apart. */
  readonly second: boolean
}

/** A binary heap of actions by time, then order. */
class Agenda {
  private readonly items: { at: number; order: number; run: () => void }[] = []
  private order = 0

  add(at: number, run: () => void): void {
    const { items } = this
    items.push({ at, order: this.order++, run })
    for (let k = items.length - 1; k > 0; ) {
      const above = (k - 1) >> 1
      if (!this.before(k, above)) break
      this.swap(k, above)
      k = above
    }
  }

  take(): { at: number; run: () => void } | undefined {
    const { items } = this
    const first = items[0]
    const last = items.pop()
    if (first === undefined || last === undefined || items.length === 0) return first
    items[0] = last
    for (let k = 0; ; ) {
      let least = k
      for (const below of [2 * k + 1, 2 * k + 2])
        if (below < items.length && this.before(below, least)) least = below
      if (least === k) return first
      this.swap(k, least)
      k = least
    }
  }

  private before(a: number, b: number): boolean {
    const [x, y] = [this.items[a]!, this.items[b]!]
    return x.at < y.at || (x.at === y.at && x.order < y.order)
  }

  private swap(a: number, b: number): void {
    const { items } = this
    ;[items[a], items[b]] = [items[b]!, items[a]!]
  }
}

export function playSchedule<P, S>(schedule: Schedule<P, S>): History {
  const { architecture, params, members, rounds, deltaMs, healMs, endMs, loss, liars } = schedule
  const run = makeRun({ members, rounds, seed: schedule.seed % 16 })
  const random = randomOf(schedule.seed)
  const agenda = new Agenda()
  let now = 0
  let sent = 0
  let violation: string | undefined
  const finals = new Map<number, Map<number, string>>()
  const known = new Map<string, Block>()
  const choosesModels = architecture.rules({ run, params }).aggregation === 'chosen'

  const open = (member: number): Face['state'] =>
    createChainMember({
      run,
      architecture,
      params,
      signer: cheapSigners[member]!,
      verify: cheapVerify,
      now: () => now,
    })

  const faces: Face[] = Array.from({ length: members }, (_, k) => k).flatMap((member) => {
    return (liars.includes(member) ? [false, true] : [undefined]).map((second) => ({
      member,
      version: second === true ? 'second' : '',
      state: open(member),
      up: true,
      life: 0,
      mining: 0,
      timers: new Map<string, number>(),
      blocks: [],
      messages: [],
      collected: undefined,
      second: second ?? schedule.secondFace(member),
    }))
  })

  const isLiar = (member: number): boolean => liars.includes(member)
  const isHonest = (member: number): boolean =>
    !isLiar(member) && member !== schedule.wrong && schedule.ignored?.includes(member) !== true

  const note = (member: number, block: Block): void => {
    const own = finals.get(member) ?? new Map<number, string>()
    finals.set(member, own)
    const { height } = block.body
    const name = block.cid.toString()
    for (const other of finals.values()) {
      const theirs = other.get(height)
      if (theirs !== undefined && theirs !== name) violation ??= `two final blocks at height ${height}`
    }
    own.set(height, name)
  }

  const delayOf = (from: number, to: number): number | undefined => {
    if (now >= healMs) return 1 + Math.floor(random() * (deltaMs - 1))
    const parts = [from, to].map((member) => schedule.parted?.(member))
    if (parts[0] !== undefined && parts[1] !== undefined && parts[0] !== parts[1]) return undefined
    if (random() < loss) return undefined
    // Some messages take longer than the network promises.
    return 1 + Math.floor(random() * deltaMs * (random() < 0.2 ? 8 : 1))
  }

  const deliver = (from: Face, input: MemberInput): void => {
    for (const to of faces) {
      if (to.member === from.member) continue
      if (from.second !== to.second && (isLiar(from.member) || isLiar(to.member))) continue
      const delay = delayOf(from.member, to.member)
      if (delay === undefined) continue
      sent += 1
      agenda.add(now + delay, () => feed(to, input))
    }
  }

  const feed = (face: Face, input: MemberInput): void => {
    if (!face.up) return
    let outputs: MemberOutput[]
    try {
      outputs = face.state.handle(input)
    } catch (error) {
      if (!(error instanceof ChainError)) throw error
      if (error.code === 'E_CHAIN_SPLIT' && isHonest(face.member)) violation ??= error.message
      return
    }
    for (const output of outputs) carryOut(face, output)
  }

  const later = (face: Face, ms: number, input: MemberInput): void => {
    const { life } = face
    agenda.add(now + ms, () => {
      if (face.life === life) feed(face, input)
    })
  }

  const propose = (face: Face, block: Block | undefined): void => {
    const round = block === undefined ? 0 : block.body.round + 1
    if (round >= rounds) return
    const parent = block?.cid ?? null
    const honest = proposalOf(face.member, round, parent, face.version)
    const afterMs = 1 + Math.floor(random() * 2 * deltaMs)
    if (!choosesModels) {
      offer(face, afterMs, parent, honest)
      return
    }
    const candidates = Array.from({ length: members }, (_, member) => modelOf(member, round))
    face.collected = { parent, candidates }
    later(face, afterMs, { type: 'collected', parent, candidates })
  }

  const offer = (face: Face, afterMs: number, parent: CID | null, honest: Proposal): void => {
    const proposal = schedule.wrong === face.member ? { ...honest, aggregate: WRONG } : honest
    later(face, afterMs, { type: 'proposal', parent, proposal })
  }

  /** Every nonce takes a millisecond. */
  const mine = (face: Face, { body, difficulty }: MemberOutput & { type: 'mine' }): void => {
    face.mining += 1
    const { life, mining } = face
    const found = findNonce(body, difficulty, { from: 0, tries: 1_000_000 })
    if (found === undefined) throw new Error('no nonce')
    agenda.add(now + found.tries, () => {
      if (face.life === life && face.mining === mining) feed(face, { type: 'mined', body: found.body })
    })
  }

  const carryOut = (face: Face, output: MemberOutput): void => {
    switch (output.type) {
      case 'send-block':
        known.set(output.block.cid.toString(), output.block)
        face.blocks.push(output.block)
        deliver(face, { type: 'block', block: output.block })
        return
      case 'send-message':
        face.messages.push(output.message)
        deliver(face, { type: 'message', message: output.message })
        return
      case 'request': {
        const block = known.get(output.block.toString())
        const delay = delayOf(face.member, (face.member + 1) % members)
        if (block !== undefined && delay !== undefined) later(face, delay, { type: 'block', block })
        return
      }
      case 'arm': {
        const turn = (face.timers.get(output.timer) ?? 0) + 1
        face.timers.set(output.timer, turn)
        const { life } = face
        agenda.add(now + output.ms, () => {
          if (face.life === life && face.timers.get(output.timer) === turn)
            feed(face, { type: 'timeout', timer: output.timer })
        })
        return
      }
      case 'disarm':
        face.timers.set(output.timer, (face.timers.get(output.timer) ?? 0) + 1)
        return
      case 'check':
        later(face, 1, {
          type: 'checked',
          block: output.block.cid,
          isRight: !output.block.body.aggregate.equals(WRONG),
        })
        return
      case 'mine':
        mine(face, output)
        return
      case 'stop-mining':
        face.mining += 1
        return
      case 'evaluate':
        later(face, 1, {
          type: 'evaluated',
          model: output.model,
          on: output.on,
          value: scoreOf(output.model),
        })
        return
      case 'aggregate': {
        const { parent, candidates } = face.collected!
        const chosen = candidates.filter(
          ({ member }) => member === face.member || output.members.includes(member),
        )
        const round = parent === null ? 0 : known.get(parent.toString())!.body.round + 1
        const honest = proposalOf(face.member, round, parent, face.version)
        offer(face, 1, parent, { ...honest, candidates: chosen })
        return
      }
      case 'adopted':
        propose(face, output.block)
        return
      case 'final':
        if (isHonest(face.member)) note(face.member, output.block)
        return
      default:
        return
    }
  }

  for (const face of faces) propose(face, undefined)
  for (const { member, atMs, forMs } of schedule.crashes) {
    for (const face of faces.filter((one) => one.member === member)) {
      agenda.add(atMs, () => {
        face.up = false
        face.life += 1
      })
      agenda.add(atMs + forMs, () => {
        face.up = true
        face.timers.clear()
        face.state = open(member)
        // The run goes on from what was stored; a block that was not its own may be gone.
        const own = face.blocks.filter(({ body }) => body.author === cheapSigners[member]!.peerId)
        feed(face, { type: 'restored', blocks: own, messages: face.messages })
        // Whoever comes back is told by the others where the chain ends.
        for (const other of faces) {
          const { block } = other.state.tree.head
          const delay = delayOf(other.member, member)
          if (other !== face && block !== undefined && delay !== undefined)
            later(face, delay, { type: 'block', block })
        }
        propose(face, face.state.tree.final)
      })
    }
  }
  for (let next = agenda.take(); next !== undefined && next.at <= endMs; next = agenda.take()) {
    now = next.at
    next.run()
    if (violation !== undefined) break
    if (isDone()) break
  }

  function isDone(): boolean {
    for (let member = 0; member < members; member++)
      if (isHonest(member) && (finals.get(member)?.size ?? 0) < rounds) return false
    return true
  }

  const counts = Array.from({ length: members }, (_, member) => member)
    .filter(isHonest)
    .map((member) => finals.get(member)?.size ?? 0)
  const chain = faces.find(({ member }) => isHonest(member))!.state.tree.chain()
  return { finals, violation, least: Math.min(...counts), messages: sent, chain }
}
