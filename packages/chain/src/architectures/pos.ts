/**
 * Proof of stake: for each slot after a block, the block draws a member with a probability proportional to its stake
 * (follow-the-satoshi, as in Kiayias et al., "Ouroboros", CRYPTO 2017, section 4, with the parent block as randomness).
 * Everyone can check the draw from the parent. Blocks earn stake; who signs two blocks for one slot loses its stake once
 * a later block shows both.
 *
 * The draw is by the parent's aggregate, which is the same for whoever aggregates the same models. Its author can only
 * change it by leaving models out. With `drawByBlock` it is by the CID of the whole block, as in simple chains: then the
 * author can try variants until it is drawn itself (stake grinding).
 */

import { bytesField, encodeCanonical, type Run, sha256 } from '@tempered/protocol'
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
import { type Block, openBlock } from '../block.js'
import { ChainError } from '../errors.js'

const paramsSchema = z.strictObject({
  slotMs: z
    .int()
    .min(1)
    .max(86_400_000)
    .default(2_000)
    .describe('Milliseconds that the member drawn for a slot has for its block.'),
  stake: z.int().min(1).max(1_000_000_000).default(100).describe('Stake of each member at the start.'),
  reward: z.int().min(0).max(1_000_000_000).default(1).describe('Stake that a block earns its author.'),
  confirmations: z.int().min(1).max(1_000).default(3).describe('Blocks that follow until a block is final.'),
  drawByBlock: z
    .int()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      '1: the whole block before draws who is next, which its author can grind; 0: its aggregate does.',
    ),
})
export type PosParams = z.infer<typeof paramsSchema>

/** Stake of each member; 0 for one that was slashed. */
export interface PosStanding {
  readonly stakes: readonly number[]
}

/** Slots after the parent's block. */
const slotField = z
  .int()
  .min(0)
  .max(2 ** 31)
const evidenceField = z.tuple([bytesField, bytesField])
const proofSchema = z.strictObject({
  slot: slotField,
  /** Pairs of blocks that one member signed for one slot after one parent. */
  equivocations: z.array(evidenceField).max(8),
})
type PosProof = z.infer<typeof proofSchema>

const proofOf = (block: Block): PosProof => block.body.proof as PosProof

/** The member that may write the block of a slot; undefined when nobody has any stake. */
export function drawProposer(
  run: Run,
  parent: Block | undefined,
  slot: number,
  stakes: readonly number[],
  drawByBlock = 0,
) {
  const total = stakes.reduce((sum, stake) => sum + stake, 0)
  if (total === 0) return undefined
  const seed = parent === undefined ? run.id : drawByBlock === 1 ? parent.cid : parent.body.aggregate
  // Blocks after the last round keep the aggregate.
  const digest = sha256(encodeCanonical([seed.bytes, parent?.body.height ?? 0, slot]))
  const number = new DataView(digest.buffer, digest.byteOffset).getBigUint64(0)
  let left = Number(number % BigInt(total))
  return stakes.findIndex((stake) => {
    left -= stake
    return left < 0
  })
}

/** The member that signed both; undefined when they are no equivocation. */
function convicted(run: Run, [a, b]: z.infer<typeof evidenceField>, verify: RulesInit<PosParams>['verify']) {
  try {
    const [first, second] = [openBlock(a, run, verify), openBlock(b, run, verify)]
    const isSamePlace =
      first.body.author === second.body.author &&
      first.body.parent.equals(second.body.parent) &&
      first.body.run.equals(run.id) &&
      proofOf(first).slot === proofOf(second).slot
    return isSamePlace && !first.cid.equals(second.cid) ? run.memberIndex.get(first.body.author) : undefined
  } catch {
    return undefined
  }
}

function createRules({ run, params, verify }: RulesInit<PosParams>): ChainRules<PosStanding> {
  return {
    genesis: { stakes: run.manifest.members.map(() => params.stake) },
    check(block, { block: parent, standing }) {
      const where = `block ${block.body.height} of ${block.body.author}`
      const wrong = (what: string): ChainError => new ChainError('E_BLOCK_PROOF', `${where}: ${what}`)
      const parsed = proofSchema.safeParse(block.body.proof)
      if (!parsed.success) throw wrong(`its proof is malformed (${parsed.error.issues[0]?.path.join('.')})`)
      const { slot, equivocations } = parsed.data
      const drawn = drawProposer(run, parent, slot, standing.stakes, params.drawByBlock)
      const author = drawn === undefined ? undefined : run.manifest.members[drawn]
      if (block.body.author !== author)
        throw new ChainError('E_BLOCK_PROPOSER', `${where}: slot ${slot} was drawn for ${author ?? 'nobody'}`)
      for (const [k, pair] of equivocations.entries())
        if (convicted(run, pair, verify) === undefined) throw wrong(`equivocation ${k} convicts nobody`)
    },
    after(block, { standing }) {
      const author = run.memberIndex.get(block.body.author)!
      const slashed = new Set(proofOf(block).equivocations.map((pair) => convicted(run, pair, verify)))
      return {
        stakes: standing.stakes.map((stake, member) =>
          slashed.has(member) ? 0 : stake + (member === author ? params.reward : 0),
        ),
      }
    },
    // A block of a late slot weighs less than one of the slots before, whose member may have been there.
    weight: (block) => 1 / (1 + proofOf(block).slot),
    confirmations: params.confirmations,
  }
}

class Staker implements Participant {
  private readonly init: ParticipantInit<PosParams, PosStanding>
  private readonly self: number
  private slot = 0
  private parent: Branch<PosStanding> | undefined
  /** The first block that each member signed for a place; the second convicts it. */
  private readonly seen = new Map<string, Block>()
  private evidence: [Uint8Array, Uint8Array][] = []

  constructor(init: ParticipantInit<PosParams, PosStanding>) {
    this.init = init
    this.self = init.run.memberIndex.get(init.self) ?? -1
  }

  handle(event: ChainEvent): readonly ChainEffect[] {
    switch (event.type) {
      case 'block':
        this.note(event.block)
        if (!event.isHead) return []
        this.parent = undefined
        return [{ type: 'disarm', timer: 'slot' }]
      case 'ready':
        this.parent = this.init.view.get(event.parent ?? this.init.run.id)
        this.slot = 0
        return this.takeSlot()
      case 'timeout':
        this.slot += 1
        return this.takeSlot()
      default:
        return []
    }
  }

  private note(block: Block): void {
    const { author, parent } = block.body
    const place = `${author} ${parent} ${proofOf(block).slot}`
    const first = this.seen.get(place)
    if (first === undefined) this.seen.set(place, block)
    else if (!first.cid.equals(block.cid)) this.evidence.push([first.bytes, block.bytes])
  }

  /** Writes the block if the slot is this member's and it has not written one for it; else waits for the next. */
  private takeSlot(): ChainEffect[] {
    const { parent, slot, init } = this
    if (parent === undefined) return []
    const { stakes } = parent.standing
    const next: ChainEffect = { type: 'arm', timer: 'slot', ms: init.params.slotMs }
    const isDrawn = drawProposer(init.run, parent.block, slot, stakes, init.params.drawByBlock) === this.self
    const place = `${init.self} ${parent.block?.cid ?? init.run.id} ${slot}`
    if (!isDrawn || this.seen.has(place)) return [next]
    const equivocations = this.evidence
      .filter((pair) => (stakes[convicted(init.run, pair, init.verify) ?? -1] ?? 0) > 0)
      .slice(0, 8)
    const proof: PosProof = { slot, equivocations }
    return [{ type: 'propose', parent: parent.block?.cid ?? null, proof }, next]
  }
}

export const pos: Architecture<PosParams, PosStanding> = {
  name: 'pos',
  summary:
    'Proof of stake: the block before draws who writes, by stake; blocks earn stake, equivocation loses it.',
  params: paramsSchema,
  rules: createRules,
  participant: (init) => new Staker(init),
}
