/**
 * VBFL (Chen, Asif, Park, Shen and Bennis, "Robust Blockchained Federated Learning with Model Validation and Proof-of-Stake
 * Inspired Consensus", AAAI workshop RSEML 2021; arXiv 2101.03300). In each round some members validate and some mine, as
 * drawn. A validator votes against a model that does worse on its own test samples than its own model of the round, by more
 * than a threshold; models with at least as many votes for as against them are aggregated. The miner with the most stake
 * writes the block. Stake comes from models that were accepted, votes and blocks; a member whose models were voted down in
 * several rounds on end is banned.
 *
 * What differs from the paper: all members train in every round, validators and miners too; who validates and who mines
 * follows from a block some rounds back, so everyone can check it; where votes or blocks fail to come, other members take
 * their turn, as nobody knows who is away; and the chain ends its forks by weight. A member always aggregates its own
 * model, so one whose model was voted down writes only if nobody else does: otherwise a liar that validates alone could
 * stop the chain.
 */

import {
  bytesField,
  counter,
  documentLink,
  encodeCanonical,
  modelLink,
  type Run,
  sha256,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import type {
  Architecture,
  Branch,
  ChainEffect,
  ChainEvent,
  ChainRules,
  Participant,
  ParticipantInit,
  RulesInit,
} from '../architecture.js'
import { type Block, type Candidate, isClosing } from '../block.js'
import { ChainError } from '../errors.js'
import { type ChainMessage, isSignedPayload, type Payload } from '../message.js'

const reward = z.int().min(0).max(1_000_000).default(1)
const paramsSchema = z.strictObject({
  validators: z
    .number()
    .gt(0)
    .max(1)
    .default(0.25)
    .describe('Share of the members that validate a round; 5 of 20 in the paper.'),
  miners: z
    .number()
    .gt(0)
    .max(1)
    .default(0.15)
    .describe('Share of the members that mine in a round; 3 of 20 in the paper.'),
  threshold: z
    .number()
    .min(0)
    .max(1)
    .default(0.08)
    .describe("How far a model's score may be below that of the validator's own."),
  banAfter: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(6)
    .describe('Rounds on end in which the votes go against a member until it is banned.'),
  workerReward: reward.describe('Stake for a model that was accepted.'),
  validatorReward: reward.describe('Stake for the votes of a validator.'),
  minerReward: reward.describe('Stake for a block.'),
  voteMs: z
    .int()
    .min(1)
    .max(86_400_000)
    .default(5_000)
    .describe('Milliseconds for which votes are awaited before other members validate.'),
  slotMs: z
    .int()
    .min(1)
    .max(86_400_000)
    .default(2_000)
    .describe('Milliseconds that a miner has for its block before it is the turn of the next.'),
  confirmations: z.int().min(1).max(1_000).default(3).describe('Blocks that follow until a block is final.'),
})
export type VbflParams = z.infer<typeof paramsSchema>

/** Of each member. */
export interface VbflStanding {
  readonly stakes: readonly number[]
  /** Rounds on end in which the votes went against its model. */
  readonly negatives: readonly number[]
}

/** How many blocks before its parent decide who validates and mines: short forks do not change it. */
const LOOK_BACK = 2

/** Attempts of a round, after which they begin again: what members can make others keep has a limit. */
const ATTEMPTS = 64
const attemptField = z
  .int()
  .min(0)
  .max(ATTEMPTS - 1)

const choiceSchema = z.strictObject({ member: counter, model: modelLink, fits: z.boolean() })
type Choice = z.infer<typeof choiceSchema>
const choicesField = z.array(choiceSchema).max(16_384)
const payloadSchema = z.strictObject({
  kind: z.literal('votes'),
  round: counter,
  /** The block that drew the validators, or the run. */
  seed: documentLink,
  attempt: attemptField,
  choices: choicesField,
})
const voteSchema = z.strictObject({ validator: counter, choices: choicesField, signature: bytesField })
type Vote = z.infer<typeof voteSchema>
const proofSchema = z.strictObject({
  /** 0 unless too few of the validators voted; each attempt has others. */
  attempt: attemptField,
  votes: z.array(voteSchema).max(16_384),
})
type Proof = z.infer<typeof proofSchema>
const proofOf = (block: Block): Proof => block.body.proof as unknown as Proof

/** Who does what in the round after a block. */
interface Roles {
  readonly round: number
  readonly seed: CID
  /** Members that are not banned, in the order of the draw. */
  readonly order: readonly number[]
  /** Members in the order in which it is their turn to write: the miners by stake, then all others. */
  readonly writers: readonly number[]
  /** How many validate. */
  readonly validators: number
}

function rolesAfter(run: Run, params: VbflParams, before: Branch<VbflStanding>): Roles {
  const { stakes, negatives } = before.standing
  const round = before.block === undefined ? 0 : before.block.body.round + 1
  const drawing = before.ancestor(LOOK_BACK)
  const seed = drawing?.cid ?? run.id
  // By its aggregate, which nobody can choose but by leaving models out.
  const { bytes } = drawing?.body.aggregate ?? run.id
  const draws = stakes.map((_, member) => sha256(encodeCanonical([bytes, round, member])))
  const order = stakes
    .map((_, member) => member)
    .filter((member) => negatives[member]! < params.banAfter)
    .sort((a, b) => compareBytes(draws[a]!, draws[b]!))
  const validators = countOf(params.validators, order.length)
  const miners = order.slice(validators, validators + countOf(params.miners, order.length))
  miners.sort((a, b) => stakes[b]! - stakes[a]!)
  const others = order.filter((member) => !miners.includes(member))
  return { round, seed, order, writers: [...miners, ...others], validators }
}

const countOf = (share: number, members: number): number => Math.max(1, Math.round(share * members))

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, k) => byte !== b[k])
  return at < 0 ? 0 : a[at]! - b[at]!
}

function validatorsOf({ order, validators }: Roles, attempt: number): number[] {
  return Array.from({ length: validators }, (_, k) => order[(attempt * validators + k) % order.length]!)
}

/** More than half of those that validate. */
const isQuorum = (votes: number, { validators }: Roles): boolean => 2 * votes > validators

const votesPayload = ({ round, seed }: Roles, attempt: number, choices: readonly Choice[]): Payload => ({
  kind: 'votes',
  round,
  seed,
  attempt,
  choices,
})

/** One choice for each member, in member order. */
const isOrdered = (choices: readonly Choice[]): boolean =>
  choices.every(({ member }, k) => k === 0 || member > choices[k - 1]!.member)

/** What votes decide. */
interface Decision {
  /** In member order; nobody that is banned. */
  readonly accepted: readonly Candidate[]
  /** Members of whom no model was accepted. */
  readonly refused: readonly number[]
}

function decide(votes: readonly Pick<Vote, 'choices'>[], { order }: Roles): Decision {
  const models = new Map<number, Map<string, { readonly candidate: Candidate; balance: number }>>()
  for (const { choices } of votes) {
    for (const { member, model, fits } of choices) {
      const own = models.get(member) ?? new Map<string, { candidate: Candidate; balance: number }>()
      models.set(member, own)
      const known = own.get(model.toString()) ?? { candidate: { member, model }, balance: 0 }
      known.balance += fits ? 1 : -1
      own.set(model.toString(), known)
    }
  }
  const accepted: Candidate[] = []
  const refused: number[] = []
  for (const member of [...models.keys()].filter((one) => order.includes(one)).sort((a, b) => a - b)) {
    const good = [...models.get(member)!.values()].filter(({ balance }) => balance >= 0)
    // Two good models of one member are none: it has shown different ones to different members.
    if (good.length === 1) accepted.push(good[0]!.candidate)
    else refused.push(member)
  }
  return { accepted, refused }
}

/** The author's own model may be there in any case. */
function isWhatVotesAccept(
  candidates: readonly Candidate[],
  { accepted }: Decision,
  author: number | undefined,
): boolean {
  const isOwnAccepted = accepted.some(({ member }) => member === author)
  return isSame(accepted, isOwnAccepted ? candidates : candidates.filter(({ member }) => member !== author))
}

const isSame = (a: readonly Candidate[], b: readonly Candidate[]): boolean =>
  a.length === b.length &&
  a.every(({ member, model }, k) => b[k]!.member === member && b[k]!.model.equals(model))

function createRules({ run, params, verify }: RulesInit<VbflParams>): ChainRules<VbflStanding> {
  const { members } = run.manifest
  const rankOf = (block: Block, roles: Roles): number =>
    roles.writers.indexOf(run.memberIndex.get(block.body.author) ?? -1)
  return {
    genesis: { stakes: members.map(() => 0), negatives: members.map(() => 0) },
    aggregation: 'chosen',
    check(block, before) {
      const where = `block ${block.body.height} of ${block.body.author}`
      const wrong = (what: string): ChainError => new ChainError('E_BLOCK_PROOF', `${where}: ${what}`)
      const parsed = proofSchema.safeParse(block.body.proof)
      if (!parsed.success) throw wrong(`its proof is malformed (${parsed.error.issues[0]?.path.join('.')})`)
      const { attempt, votes } = parsed.data
      const roles = rolesAfter(run, params, before)
      if (rankOf(block, roles) < 0)
        throw new ChainError(
          'E_BLOCK_PROPOSER',
          `${where}: its author was banned for models that were voted down`,
        )
      if (isClosing(block.body, run)) {
        if (attempt !== 0 || votes.length > 0) throw wrong('after the last round there is nothing to vote on')
        return
      }
      const drawn = validatorsOf(roles, attempt)
      votes.forEach(({ validator, choices, signature }, k) => {
        if (!drawn.includes(validator) || votes.findIndex((vote) => vote.validator === validator) !== k)
          throw wrong(`member ${validator} did not validate this round, or votes twice`)
        if (!isOrdered(choices)) throw wrong(`validator ${validator} votes twice on a model, or out of order`)
        const payload = votesPayload(roles, attempt, choices)
        if (!isSignedPayload(run, members[validator]!, payload, signature, verify))
          throw wrong(`the signature of validator ${validator} is wrong`)
      })
      if (!isQuorum(votes.length, roles))
        throw wrong(`${votes.length} of ${roles.validators} validators voted, which is no majority`)
      const author = run.memberIndex.get(block.body.author)
      if (!isWhatVotesAccept(block.body.candidates, decide(votes, roles), author))
        throw wrong('its candidates are not the models that the votes accept')
    },
    after(block, before) {
      const { stakes, negatives } = before.standing
      const { votes } = proofOf(block)
      const decision = decide(votes, rolesAfter(run, params, before))
      const accepted = new Set(decision.accepted.map(({ member }) => member))
      const author = run.memberIndex.get(block.body.author)
      return {
        stakes: stakes.map(
          (stake, member) =>
            stake +
            (accepted.has(member) ? params.workerReward : 0) +
            (votes.some(({ validator }) => validator === member) ? params.validatorReward : 0) +
            (member === author ? params.minerReward : 0),
        ),
        negatives: negatives.map((rounds, member) =>
          accepted.has(member) ? 0 : decision.refused.includes(member) ? rounds + 1 : rounds,
        ),
      }
    },
    // A block of a late turn weighs less than one of the turns before, whose member may have been there.
    weight(block, before) {
      const roles = rolesAfter(run, params, before)
      const { attempt, votes } = proofOf(block)
      const isLast = decide(votes, roles).refused.includes(run.memberIndex.get(block.body.author)!)
      return 1 / (1 + rankOf(block, roles) + roles.writers.length * (2 * attempt + Number(isLast)))
    },
    confirmations: params.confirmations,
  }
}

/** The votes of an attempt, by validator. */
type Ballot = Map<number, Vote>

/** Models on which a member votes. */
interface Collected {
  readonly roles: Roles
  readonly candidates: readonly Candidate[]
  /** −1 before the first vote after a round was closed. */
  attempt: number
  /** Whether it has aggregated them before, as after a restart, and votes so that somebody can write the block. */
  readonly isClosed: boolean
}

class Member implements Participant {
  private readonly init: ParticipantInit<VbflParams, VbflStanding>
  private readonly self: number
  /** By round, seed and attempt. */
  private readonly ballots = new Map<string, Ballot>()
  /** Scores of models on the own test samples; null where a model could not be had. */
  private readonly scores = new Map<string, number | null>()
  private readonly asked = new Set<string>()
  /** Models between which this member is about to choose. */
  private collected: Collected | undefined
  /** The votes by which it chose the models of a round. */
  private chosen: { readonly round: number; readonly proof: Proof } | undefined
  /** What it can write. */
  private ready:
    | {
        readonly parent: CID | null
        readonly roles: Roles
        readonly candidates: readonly Candidate[]
        isTurn: boolean
      }
    | undefined

  constructor(init: ParticipantInit<VbflParams, VbflStanding>) {
    this.init = init
    this.self = init.run.memberIndex.get(init.self) ?? -1
  }

  handle(event: ChainEvent): readonly ChainEffect[] {
    switch (event.type) {
      case 'collected':
        return this.collect(event.parent, event.candidates)
      case 'evaluated':
        this.scores.set(event.model.toString(), event.value)
        return this.vote()
      case 'message':
        this.note(event.message)
        return [...this.choose(false), ...this.write()]
      case 'ready':
        return this.takeTurn(event.parent, event.candidates)
      case 'timeout':
        return event.timer === 'votes' ? this.voteOver() : this.turn()
      case 'block':
        return event.isHead ? this.follow(event.block) : []
      default:
        return []
    }
  }

  private rolesAfter(parent: CID | null): Roles | undefined {
    const { view, run, params } = this.init
    const before = view.get(parent ?? run.id)
    return before === undefined ? undefined : rolesAfter(run, params, before)
  }

  private collect(parent: CID | null, candidates: readonly Candidate[]): ChainEffect[] {
    const roles = this.rolesAfter(parent)
    if (roles === undefined) return []
    this.collected = {
      roles,
      candidates: candidates.filter(({ member }) => roles.order.includes(member)),
      attempt: 0,
      isClosed: false,
    }
    this.scores.clear()
    this.asked.clear()
    return [this.awaitVotes(), ...this.measure(), ...this.vote(), ...this.choose(false)]
  }

  private awaitVotes(): ChainEffect {
    return { type: 'arm', timer: 'votes', ms: this.init.params.voteMs }
  }

  private isValidator(): boolean {
    const { collected } = this
    return collected !== undefined && validatorsOf(collected.roles, collected.attempt).includes(this.self)
  }

  private measure(): ChainEffect[] {
    if (this.collected === undefined || !this.isValidator()) return []
    const due = this.collected.candidates.filter(({ model }) => !this.asked.has(model.toString()))
    for (const { model } of due) this.asked.add(model.toString())
    return due.map(({ model }) => ({ type: 'evaluate', model, on: 'own' }))
  }

  /** Once per attempt, when all models are measured. */
  private vote(): ChainEffect[] {
    const { collected, scores, init } = this
    if (collected === undefined || !this.isValidator()) return []
    const { roles, candidates, attempt } = collected
    if (this.ballot(roles, attempt).has(this.self)) return []
    if (candidates.some(({ model }) => !scores.has(model.toString()))) return []
    const own = candidates.find(({ member }) => member === this.self)
    const mine = own === undefined ? null : (scores.get(own.model.toString()) ?? null)
    if (mine === null) return []
    const choices = candidates.flatMap(({ member, model }) => {
      const score = scores.get(model.toString())
      return score == null ? [] : [{ member, model, fits: mine - score <= init.params.threshold }]
    })
    return [{ type: 'send', payload: votesPayload(roles, attempt, choices) }]
  }

  private ballot({ round, seed }: Pick<Roles, 'round' | 'seed'>, attempt: number): Ballot {
    const place = `${round} ${seed} ${attempt}`
    const known = this.ballots.get(place)
    if (known !== undefined) return known
    const made: Ballot = new Map()
    this.ballots.set(place, made)
    return made
  }

  /** The first votes of each validator count. */
  private note({ body, signature }: ChainMessage): void {
    const parsed = payloadSchema.safeParse(body.payload)
    const validator = this.init.run.memberIndex.get(body.author)
    if (!parsed.success || validator === undefined) return
    const { round, seed, attempt, choices } = parsed.data
    if (!isOrdered(choices) || !this.isNear(round) || this.init.view.get(seed) === undefined) return
    const ballot = this.ballot({ round, seed }, attempt)
    if (!ballot.has(validator)) ballot.set(validator, { validator, choices, signature })
  }

  /** Rounds far from the chain's end are nobody's business yet, or no longer. */
  private isNear(round: number): boolean {
    const newest = this.init.view.head.block?.body.round ?? -1
    return round >= newest && round <= newest + 2
  }

  private ballotsOf({ round, seed }: Roles): { readonly attempt: number; readonly ballot: Ballot }[] {
    const begin = `${round} ${seed} `
    return [...this.ballots]
      .filter(([place]) => place.startsWith(begin))
      .map(([place, ballot]) => ({ attempt: Number(place.slice(begin.length)), ballot }))
  }

  /** The votes of those that were drawn, in the order of members. */
  private votesOf(roles: Roles, attempt: number): Vote[] {
    const drawn = validatorsOf(roles, attempt)
    return [...this.ballot(roles, attempt).values()]
      .filter(({ validator }) => drawn.includes(validator))
      .sort((a, b) => a.validator - b.validator)
  }

  /** Names the models to aggregate, once all validators have voted, or most of them when the time is over. */
  private choose(isOver: boolean): ChainEffect[] {
    const { collected } = this
    if (collected === undefined || collected.attempt < 0) return []
    const { roles, candidates, attempt } = collected
    const votes = this.votesOf(roles, attempt)
    if (isOver ? !isQuorum(votes.length, roles) : votes.length < roles.validators) return []
    const { accepted } = decide(votes, roles)
    if (accepted.length === 0) return []
    this.chosen = { round: roles.round, proof: { attempt, votes } }
    this.collected = undefined
    const disarm: ChainEffect = { type: 'disarm', timer: 'votes' }
    if (collected.isClosed) return [disarm, ...this.write()]
    const members = accepted
      .filter(({ member, model }) =>
        candidates.some((one) => one.member === member && one.model.equals(model)),
      )
      .map(({ member }) => member)
    return [disarm, { type: 'aggregate', members }]
  }

  private voteOver(): ChainEffect[] {
    const chosen = this.choose(true)
    if (chosen.length > 0 || this.collected === undefined) return chosen
    this.collected.attempt = (this.collected.attempt + 1) % ATTEMPTS
    return [this.awaitVotes(), ...this.measure(), ...this.vote(), ...this.choose(false)]
  }

  private takeTurn(parent: CID | null, candidates: readonly Candidate[]): ChainEffect[] {
    const roles = this.rolesAfter(parent)
    if (roles === undefined || !roles.writers.includes(this.self)) return []
    const proof = this.proofFor(roles, candidates)
    const isLast = proof !== undefined && decide(proof.votes, roles).refused.includes(this.self)
    const rank = roles.writers.indexOf(this.self) + (isLast ? roles.writers.length : 0)
    this.ready = { parent, roles, candidates, isTurn: rank === 0 }
    const ms = rank * this.init.params.slotMs
    const turn: ChainEffect[] = rank === 0 ? this.write() : [{ type: 'arm', timer: 'turn', ms }]
    if (proof !== undefined) return turn
    // If nobody has votes for what it aggregated, others are to vote once more.
    const attempt = Math.max(
      -1,
      ...this.ballotsOf(roles).map((own) => (own.ballot.has(this.self) ? own.attempt : -1)),
    )
    this.collected = { roles, candidates, attempt, isClosed: true }
    return [...turn, this.awaitVotes()]
  }

  private turn(): ChainEffect[] {
    if (this.ready === undefined) return []
    this.ready.isTurn = true
    return this.write()
  }

  private write(): ChainEffect[] {
    const { ready } = this
    if (ready === undefined || !ready.isTurn) return []
    const proof = this.proofFor(ready.roles, ready.candidates)
    if (proof === undefined) return []
    this.ready = undefined
    return [{ type: 'propose', parent: ready.parent, proof }]
  }

  /** Votes that accept exactly what this member has aggregated. */
  private proofFor(roles: Roles, candidates: readonly Candidate[]): Proof | undefined {
    if (isClosing(roles, this.init.run)) return { attempt: 0, votes: [] }
    const { chosen } = this
    const attempts = this.ballotsOf(roles).map(({ attempt }) => ({
      attempt,
      votes: this.votesOf(roles, attempt),
    }))
    const known = chosen?.round === roles.round ? [chosen.proof, ...attempts] : attempts
    return known.find(
      ({ votes, attempt }) =>
        isQuorum(votes.length, roles) &&
        votes.every(({ validator }) => validatorsOf(roles, attempt).includes(validator)) &&
        isWhatVotesAccept(candidates, decide(votes, roles), this.self),
    )
  }

  /** The chain has gone on. */
  private follow({ body }: Block): ChainEffect[] {
    this.ready = undefined
    for (const place of this.ballots.keys())
      if (Number(place.split(' ', 1)[0]) < body.round - 1) this.ballots.delete(place)
    const stop: ChainEffect[] = [{ type: 'disarm', timer: 'turn' }]
    if (this.collected === undefined || this.collected.roles.round > body.round) return stop
    this.collected = undefined
    return [...stop, { type: 'disarm', timer: 'votes' }]
  }
}

export const vbfl: Architecture<VbflParams, VbflStanding> = {
  name: 'vbfl',
  summary: 'VBFL: validators vote on models by their scores; the miner with the most stake writes the block.',
  comparesScores: true,
  params: paramsSchema,
  rules: createRules,
  participant: (init) => new Member(init),
}
