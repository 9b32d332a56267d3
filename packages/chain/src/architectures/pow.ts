/**
 * Proof of work, as in Nakamoto, "Bitcoin: A Peer-to-Peer Electronic Cash System" (2008): the branch with the most work is
 * the chain, and the difficulty follows from the times of earlier blocks. The nonce stands in the block, so anyone can
 * check the work. Miners may be members that do not train.
 */

import { bytesField, counter } from '@tempered/protocol'
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
import { hasWork, NONCE_BYTES } from '../mining.js'

const paramsSchema = z.strictObject({
  difficulty: z
    .int()
    .min(1)
    .max(2 ** 48)
    .default(100_000)
    .describe('Hashes that the first blocks take on average.'),
  blockMs: z
    .int()
    .min(1)
    .max(86_400_000)
    .default(5_000)
    .describe('Milliseconds from block to block to which the difficulty is adjusted.'),
  retargetEvery: z.int().min(2).max(10_000).default(8).describe('Blocks from one adjustment to the next.'),
  confirmations: z.int().min(1).max(1_000).default(3).describe('Blocks that follow until a block is final.'),
  miners: minersField,
})
export type PowParams = z.infer<typeof paramsSchema>

/** What follows from the blocks so far. */
export interface PowStanding {
  /** Of the next block. */
  readonly difficulty: number
  /** Time of the block from which the times of this adjustment are counted; null before the first block. */
  readonly since: number | null
  /** Blocks of each member, which is what it earns. */
  readonly rewards: readonly number[]
}

const proofSchema = z.strictObject({
  /** Milliseconds since 1970, as the miner claims. */
  time: counter,
  difficulty: z.int().min(1),
  nonce: bytesField.refine((bytes) => bytes.byteLength === NONCE_BYTES, { error: 'must be 8 bytes' }),
})
type PowProof = z.infer<typeof proofSchema>

/** The most by which one adjustment changes the difficulty, as in Bitcoin. */
const MOST_CHANGE = 4

const proofOf = (block: Block): PowProof => block.body.proof as PowProof

function createRules({ run, params }: RulesInit<PowParams>): ChainRules<PowStanding> {
  const { blockMs, retargetEvery, confirmations } = params
  return {
    genesis: {
      difficulty: params.difficulty,
      since: null,
      rewards: run.manifest.members.map(() => 0),
    },
    check(block, { block: parent, standing }) {
      const where = `block ${block.body.height} of ${block.body.author}`
      const wrong = (what: string): ChainError => new ChainError('E_BLOCK_PROOF', `${where}: ${what}`)
      if (!isMiner(params.miners, run.memberIndex.get(block.body.author)))
        throw new ChainError('E_BLOCK_PROPOSER', `${where}: its author is not a miner of this chain`)
      const parsed = proofSchema.safeParse(block.body.proof)
      if (!parsed.success) throw wrong(`its proof is malformed (${parsed.error.issues[0]?.path.join('.')})`)
      const { time, difficulty } = parsed.data
      if (difficulty !== standing.difficulty)
        throw wrong(
          `its difficulty is ${difficulty}, but ${standing.difficulty} follows from the times before`,
        )
      if (parent !== undefined && time < proofOf(parent).time) throw wrong('it is older than its parent')
      if (!hasWork(block.body, difficulty)) throw wrong(`its hash is too large for difficulty ${difficulty}`)
    },
    after(block, { standing }) {
      const { time } = proofOf(block)
      const { height, author } = block.body
      const member = run.memberIndex.get(author)!
      const rewards = standing.rewards.map((blocks, index) => blocks + Number(index === member))
      if (standing.since === null) return { ...standing, since: time, rewards }
      if (height % retargetEvery !== 0) return { ...standing, rewards }
      // The first block has no time before it.
      const intervals = height === retargetEvery ? retargetEvery - 1 : retargetEvery
      const wanted = (standing.difficulty * intervals * blockMs) / Math.max(1, time - standing.since)
      const [least, most] = [standing.difficulty / MOST_CHANGE, standing.difficulty * MOST_CHANGE]
      const difficulty = Math.max(1, Math.round(Math.min(most, Math.max(least, wanted))))
      return { difficulty: Math.min(difficulty, 2 ** 48), since: time, rewards }
    },
    weight: (block) => proofOf(block).difficulty,
    confirmations,
  }
}

class Miner implements Participant {
  private readonly init: ParticipantInit<PowParams, PowStanding>
  private readonly isMiner: boolean

  constructor(init: ParticipantInit<PowParams, PowStanding>) {
    this.init = init
    this.isMiner = isMiner(init.params.miners, init.run.memberIndex.get(init.self))
  }

  handle(event: ChainEvent): readonly ChainEffect[] {
    if (!this.isMiner) return []
    // Work on what is no longer the end of the chain is lost.
    if (event.type === 'block') return event.isHead ? [{ type: 'stop-mining' }] : []
    if (event.type !== 'ready') return []
    const branch: Branch<PowStanding> | undefined =
      event.parent === null ? this.init.view.get(this.init.run.id) : this.init.view.get(event.parent)
    if (branch === undefined) return []
    const { difficulty } = branch.standing
    const earliest = branch.block === undefined ? 0 : proofOf(branch.block).time
    const proof: PowProof = {
      time: Math.max(earliest, this.init.now()),
      difficulty,
      nonce: new Uint8Array(NONCE_BYTES),
    }
    return [{ type: 'mine', parent: event.parent, proof, difficulty }]
  }
}

export const pow: Architecture<PowParams, PowStanding> = {
  name: 'pow',
  summary: 'Proof of work: the branch with the most work counts; blocks are final after some have followed.',
  params: paramsSchema,
  rules: createRules,
  participant: (init) => new Miner(init),
}
