/**
 * Proof of federated learning (Qu, Wang, Hu and Cheng, IEEE TPDS 2021; arXiv 1912.11745): pools of members compete, and the
 * block whose aggregate does best on samples that all members have wins. A miner offers the aggregate of its pool with its
 * score; everyone evaluates what was offered and, once all miners have offered or the window is over, goes on from the best
 * whose score is true.
 *
 * What differs from the paper: the common samples are the test data of the run, known from the start, so a miner could
 * train on them; and models are not hidden from their pool.
 */

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
import type { Block } from '../block.js'
import { ChainError } from '../errors.js'
import { isMiner, minersField } from '../miners.js'

const paramsSchema = z.strictObject({
  miners: minersField,
  target: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('The least score of a block, in [0, 1]; higher is better.'),
  tolerance: z
    .number()
    .min(0)
    .max(1)
    .default(0.001)
    .describe('How far a claimed score may be from one that is measured again.'),
  windowMs: z
    .int()
    .min(1)
    .max(86_400_000)
    .default(5_000)
    .describe(
      'Milliseconds for which blocks are awaited before the best is chosen, unless all miners have offered one.',
    ),
  confirmations: z.int().min(1).max(1_000).default(2).describe('Blocks that follow until a block is final.'),
})
export type PoflParams = z.infer<typeof paramsSchema>

/** Blocks of each member on the chain, which is what it earns. */
export interface PoflStanding {
  readonly rewards: readonly number[]
}

const proofSchema = z.strictObject({
  /** Of the aggregate on the common samples, as its author claims. */
  score: z.number().min(0).max(1),
})

const scoreOf = (block: Block): number => block.body.proof.score as number

function createRules({ run, params }: RulesInit<PoflParams>): ChainRules<PoflStanding> {
  return {
    genesis: { rewards: run.manifest.members.map(() => 0) },
    check(block) {
      const where = `block ${block.body.height} of ${block.body.author}`
      if (!isMiner(params.miners, run.memberIndex.get(block.body.author)))
        throw new ChainError('E_BLOCK_PROPOSER', `${where}: its author is not a miner of this chain`)
      const parsed = proofSchema.safeParse(block.body.proof)
      if (!parsed.success)
        throw new ChainError(
          'E_BLOCK_PROOF',
          `${where}: its proof is malformed (${parsed.error.issues[0]?.path.join('.')})`,
        )
      if (parsed.data.score < params.target)
        throw new ChainError(
          'E_BLOCK_PROOF',
          `${where}: its score is ${parsed.data.score}, the least of this chain ${params.target}`,
        )
    },
    after(block, { standing }) {
      const member = run.memberIndex.get(block.body.author)!
      return { rewards: standing.rewards.map((blocks, index) => blocks + Number(index === member)) }
    },
    // A block more outweighs any score; of two at one height the better one counts.
    weight: (block) => 1 + scoreOf(block) / 1000,
    confirmations: params.confirmations,
    adoption: 'participant',
  }
}

class Competitor implements Participant {
  private readonly init: ParticipantInit<PoflParams, PoflStanding>
  private readonly isMiner: boolean
  /** The block after which this member has a proposal, and the proposal's aggregate. */
  private ready: { readonly parent: CID | null; readonly aggregate: CID } | undefined
  /** Measured scores of aggregates, by CID; null where the model could not be had. */
  private readonly scores = new Map<string, number | null>()
  private readonly asked = new Set<string>()
  /** Blocks by the CID of the one that they follow, and by that of their aggregate. */
  private readonly following = new Map<string, Block[]>()
  private readonly offering = new Map<string, Block[]>()
  /** Whether the aggregate of a block follows from its models, by the block's CID. */
  private readonly isRight = new Map<string, boolean>()
  private adopted: Block | undefined
  private waiting = false
  private isOver = false

  constructor(init: ParticipantInit<PoflParams, PoflStanding>) {
    this.init = init
    this.isMiner = isMiner(init.params.miners, init.run.memberIndex.get(init.self))
  }

  handle(event: ChainEvent): readonly ChainEffect[] {
    switch (event.type) {
      case 'ready':
        this.ready = { parent: event.parent, aggregate: event.aggregate }
        return [...this.openWindow(), ...this.measure(event.aggregate), ...this.offer()]
      case 'block':
        return this.hear(event.block)
      case 'evaluated':
        if (event.on !== 'common') return []
        this.scores.set(event.model.toString(), event.value)
        return [...this.offer(), ...this.refuseLies(event.model), ...this.choose()]
      case 'checked':
        this.isRight.set(event.block.toString(), event.isRight)
        return this.choose()
      case 'timeout':
        this.isOver = true
        return this.choose()
      default:
        return []
    }
  }

  private hear(block: Block): ChainEffect[] {
    const { parent, aggregate, author } = block.body
    const beside = this.following.get(parent.toString()) ?? []
    // It is told again of a block that has become the head.
    if (beside.some(({ cid }) => cid.equals(block.cid))) return this.choose()
    this.following.set(parent.toString(), [...beside, block])
    this.offering.set(aggregate.toString(), [...(this.offering.get(aggregate.toString()) ?? []), block])
    // A member does not check its own.
    if (author === this.init.self) this.isRight.set(block.cid.toString(), true)
    return [...this.openWindow(), ...this.measure(aggregate), ...this.refuseLies(aggregate), ...this.choose()]
  }

  private openWindow(): ChainEffect[] {
    if (this.waiting || this.isOver) return []
    this.waiting = true
    return [{ type: 'arm', timer: 'window', ms: this.init.params.windowMs }]
  }

  private measure(model: CID): ChainEffect[] {
    if (this.asked.has(model.toString())) return []
    this.asked.add(model.toString())
    return [{ type: 'evaluate', model, on: 'common' }]
  }

  /** This member's own block, once its score is known. */
  private offer(): ChainEffect[] {
    const { ready } = this
    const score = ready === undefined ? undefined : this.scores.get(ready.aggregate.toString())
    if (ready === undefined || score == null || !this.isMiner) return []
    this.ready = undefined
    const clamped = Math.min(1, Math.max(0, score))
    if (clamped < this.init.params.target) return []
    return [{ type: 'propose', parent: ready.parent, proof: { score: clamped } }]
  }

  private isTrue(block: Block): boolean | undefined {
    const measured = this.scores.get(block.body.aggregate.toString())
    if (measured === undefined) return undefined
    return measured !== null && Math.abs(measured - scoreOf(block)) <= this.init.params.tolerance
  }

  private refuseLies(aggregate: CID): ChainEffect[] {
    return (this.offering.get(aggregate.toString()) ?? [])
      .filter((block) => this.isTrue(block) === false)
      .map((block) => ({ type: 'refuse', block: block.cid }))
  }

  /** Blocks that follow the one that this member adopted. */
  private next(): readonly Block[] {
    return this.following.get((this.adopted?.cid ?? this.init.run.id).toString()) ?? []
  }

  private isJudged(block: Block): boolean {
    const isRight = this.isRight.get(block.cid.toString())
    return isRight === false || (isRight === true && this.isTrue(block) !== undefined)
  }

  /** Whether a block of every miner has been judged: nothing is left to wait for. */
  private hasAll(): boolean {
    const { run, params } = this.init
    const offers = this.next().filter((block) => this.isJudged(block))
    const authors = new Set(offers.map(({ body }) => body.author))
    return run.manifest.members.every((peer, index) => !isMiner(params.miners, index) || authors.has(peer))
  }

  /** The block to go on from: the head after the window, the best of all that were offered before that. */
  private best(): Block | undefined {
    const head: Branch<PoflStanding> = this.init.view.head
    if (head.block === undefined || this.isOver) return head.block
    if (!this.hasAll()) return undefined
    // Others may be further; they wait for this member's block after each.
    const next = head.ancestor(head.block.body.height - (this.adopted?.body.height ?? 0) - 1)
    return this.next().some(({ cid }) => next !== undefined && cid.equals(next.cid)) ? next : head.block
  }

  /** Adopts the best block, once it is measured and true; one that lies is refused. */
  private choose(): ChainEffect[] {
    const best = this.best()
    if (best === undefined || this.adopted?.cid.equals(best.cid)) return []
    const isTrue = this.isTrue(best)
    // Its aggregate may have been found right only after its score was found false.
    if (isTrue === false) return [{ type: 'refuse', block: best.cid }]
    if (isTrue !== true) return []
    this.adopted = best
    this.isOver = false
    this.waiting = false
    return [
      { type: 'disarm', timer: 'window' },
      { type: 'adopt', block: best.cid },
    ]
  }
}

export const pofl: Architecture<PoflParams, PoflStanding> = {
  name: 'pofl',
  summary: 'Proof of federated learning: the offered aggregate that does best on common samples wins.',
  comparesScores: true,
  params: paramsSchema,
  rules: createRules,
  participant: (init) => new Competitor(init),
}
