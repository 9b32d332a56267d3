import { describe, expect, it } from 'vitest'
import { byteStep } from '../../../../test-support/tier.js'
import type { Architecture, ChainEffect } from '../../src/architecture.js'
import { bft, bftQuorum, leaderOf } from '../../src/architectures/bft.js'
import { pofl } from '../../src/architectures/pofl.js'
import { drawProposer, pos } from '../../src/architectures/pos.js'
import { pow } from '../../src/architectures/pow.js'
import { vbfl } from '../../src/architectures/vbfl.js'
import { type Block, type BlockBody, blockBody, signBlock } from '../../src/block.js'
import { ChainError } from '../../src/errors.js'
import { signMessage } from '../../src/message.js'
import { findNonce, hasWork } from '../../src/mining.js'
import { createChainChecker } from '../../src/verify-chain.js'
import {
  cheapSigners,
  cheapVerify,
  makeRun,
  modelOf,
  proposalOf,
  signers,
  vbflParams,
} from '../support/fixture.js'
import { playSchedule, scoreOf } from '../support/schedule.js'

const ROUNDS = 4
const run = makeRun({ members: 4, rounds: ROUNDS, seed: 1 })
const POW = { difficulty: 400, blockMs: 300, retargetEvery: 3, confirmations: 2, miners: [] }
const POFL = { miners: [], target: 0, tolerance: 0.001, windowMs: 250, confirmations: 2 }
const VBFL = vbflParams({ voteMs: 400, slotMs: 400, confirmations: 2 })
const POS = { slotMs: 400, stake: 100, reward: 10, confirmations: 2, drawByBlock: 0 }

/** `dishonest`: members of whom nothing is expected. */
const play = <P, S>(
  architecture: Architecture<P, S>,
  params: P,
  dishonest: readonly number[] = [],
): readonly Block[] =>
  playSchedule({
    architecture,
    params,
    members: 4,
    rounds: ROUNDS,
    seed: 1,
    deltaMs: 20,
    healMs: 0,
    endMs: 100_000,
    loss: 0,
    liars: [],
    crashes: [],
    ignored: dishonest,
    secondFace: () => false,
  }).chain

const checkAll = <P, S>(architecture: Architecture<P, S>, params: P, chain: readonly Uint8Array[]) => {
  const checker = createChainChecker(
    run,
    architecture.rules({ run, params, verify: cheapVerify }),
    cheapVerify,
  )
  for (const bytes of chain) checker.accept(bytes)
  return checker
}

const CHAINS: readonly [
  string,
  readonly Block[],
  (chain: readonly Uint8Array[]) => { last: Block | undefined },
][] = [
  ['bft', play(bft, { deltaMs: 20 }), (chain) => checkAll(bft, { deltaMs: 20 }, chain)],
  ['pow', play(pow, POW), (chain) => checkAll(pow, POW, chain)],
  ['pofl', play(pofl, POFL), (chain) => checkAll(pofl, POFL, chain)],
  ['pos', play(pos, POS), (chain) => checkAll(pos, POS, chain)],
  ['vbfl', play(vbfl, VBFL), (chain) => checkAll(vbfl, VBFL, chain)],
]

describe.each(CHAINS)('a chain of %s', (_, chain, check) => {
  const bytes = chain.map((block) => block.bytes)

  it('is accepted by a stranger, and goes on after the last round only until that is final', () => {
    expect(check(bytes).last?.cid).toEqual(chain.at(-1)?.cid)
    expect(chain.map(({ body }) => body.round)).toEqual(chain.map((_block, k) => k))
    expect(chain.length).toBeGreaterThanOrEqual(ROUNDS)
    const last = chain[ROUNDS - 1]!
    for (const { body } of chain.slice(ROUNDS)) {
      expect(body.candidates).toEqual([])
      expect(body.aggregate).toEqual(last.body.aggregate)
    }
  })

  it('is refused with any byte flipped', () => {
    for (let k = 0; k < ROUNDS; k++) {
      for (let at = k; at < bytes[k]!.byteLength; at += byteStep) {
        const damaged = bytes.slice(0, k + 1)
        damaged[k] = Uint8Array.from(bytes[k]!)
        damaged[k]![at]! ^= 1
        expect(() => check(damaged), `block ${k + 1}, byte ${at}`).toThrow()
      }
    }
  })

  it('is refused with a block left out, repeated or in another place', () => {
    const [a, b, c] = bytes as [Uint8Array, Uint8Array, Uint8Array]
    for (const wrong of [[b], [a, a], [a, c], [b, a]])
      expect(() => check(wrong)).toThrow(expect.objectContaining({ code: 'E_BLOCK_LINK' }))
  })
})

/** The first block of a chain, by a member, with a proof. */
const first = (member: number, proof: BlockBody['proof']): Block =>
  signBlock(
    {
      ...blockBody({ run, parent: undefined }, cheapSigners[member]!.peerId, proposalOf(member, 0, null)),
      proof,
    },
    cheapSigners[member]!,
  )

const codeOf = (act: () => unknown): string => {
  try {
    act()
    return 'accepted'
  } catch (error) {
    return error instanceof ChainError ? error.code : String(error)
  }
}

describe('pow', () => {
  const mined = (
    member: number,
    change: Partial<BlockBody['proof']> = {},
    difficulty = POW.difficulty,
  ): Block => {
    const { body } = first(member, { time: 5, difficulty, nonce: new Uint8Array(8), ...change })
    return signBlock(findNonce(body, difficulty, { from: 0, tries: 1e6 })!.body, cheapSigners[member]!)
  }
  const code = (block: Block, params = POW): string => codeOf(() => checkAll(pow, params, [block.bytes]))

  it('takes work that is there, from miners', () => {
    expect(code(mined(1))).toBe('accepted')
    expect(code(mined(1), { ...POW, miners: [0, 2] as never[] })).toBe('E_BLOCK_PROPOSER')
    expect(code(mined(2), { ...POW, miners: [0, 2] as never[] })).toBe('accepted')
  })

  it('refuses a nonce without work, another difficulty and a proof of another kind', () => {
    const block = mined(1)
    const nonce = Uint8Array.from(block.body.proof.nonce as Uint8Array)
    do nonce[7]! += 1
    while (hasWork({ ...block.body, proof: { ...block.body.proof, nonce } }, POW.difficulty))
    expect(code(first(1, { ...block.body.proof, nonce }))).toBe('E_BLOCK_PROOF')
    expect(code(mined(1, {}, POW.difficulty - 1))).toBe('E_BLOCK_PROOF')
    expect(code(first(1, { iteration: 1, notarised: [] }))).toBe('E_BLOCK_PROOF')
    expect(code(first(1, { ...block.body.proof, more: 1 }))).toBe('E_BLOCK_PROOF')
  })

  it('makes blocks harder when they come too fast, by at most four times', () => {
    const rules = pow.rules({ run, params: { ...POW, retargetEvery: 2 } })
    const grow = (times: readonly number[]): number => {
      let standing = rules.genesis
      times.forEach((time, k) => {
        const { body } = first(0, { time, difficulty: 1, nonce: new Uint8Array(8) })
        const block = { ...first(0, {}), body: { ...body, height: k + 1 } }
        standing = rules.after(block, { block: undefined, standing, ancestor: () => undefined })
      })
      return standing.difficulty
    }
    expect(grow([1000])).toBe(400)
    expect(grow([1000, 1300])).toBe(400)
    expect(grow([1000, 1150])).toBe(800)
    expect(grow([1000, 1001])).toBe(1600)
    expect(grow([1000, 99_999])).toBe(100)
    expect(grow([1000, 1300, 1600, 2500])).toBe(200)
  })
})

describe('pos', () => {
  it('draws by stake, and nobody whose stake is gone', () => {
    const counts = [0, 0, 0, 0]
    for (let slot = 0; slot < 4000; slot++)
      counts[drawProposer(run, undefined, slot, [100, 0, 300, 600])!]! += 1
    expect(counts[1]).toBe(0)
    expect(counts[0]! / 4000).toBeCloseTo(0.1, 1)
    expect(counts[3]! / 4000).toBeCloseTo(0.6, 1)
    expect(drawProposer(run, undefined, 0, [0, 0, 0, 0])).toBeUndefined()
  })

  it('takes the block of the member that was drawn, and the stake of one that signed two', () => {
    const stakes = [100, 100, 100, 100]
    const drawn = drawProposer(run, undefined, 0, stakes)!
    const block = first(drawn, { slot: 0, equivocations: [] })
    const other = signBlock(
      { ...block.body, aggregate: proposalOf(9, 9, null).aggregate },
      cheapSigners[drawn]!,
    )
    const code = (...chain: Block[]): string =>
      codeOf(() =>
        checkAll(
          pos,
          POS,
          chain.map(({ bytes }) => bytes),
        ),
      )
    expect(code(block)).toBe('accepted')
    expect(code(first((drawn + 1) % 4, { slot: 0, equivocations: [] }))).toBe('E_BLOCK_PROPOSER')

    const slot = [0, 1, 2, 3, 4, 5, 6, 7].find(
      (k) => drawProposer(run, block, k, stakes.with(drawn, 110)) !== drawn,
    )!
    const next = drawProposer(run, block, slot, stakes.with(drawn, 110))!
    const second = (equivocations: unknown[]): Block =>
      signBlock(
        {
          ...blockBody({ run, parent: block }, cheapSigners[next]!.peerId, proposalOf(next, 1, block.cid)),
          proof: { slot, equivocations },
        },
        cheapSigners[next]!,
      )
    const checker = checkAll(pos, POS, [block.bytes, second([[block.bytes, other.bytes]]).bytes])
    expect(checker.standing.stakes[drawn]).toBe(0)
    expect(checker.standing.stakes[next]).toBe(110)
    expect(code(block, second([[block.bytes, block.bytes]]))).toBe('E_BLOCK_PROOF')
    const forged = signBlock({ ...other.body, author: cheapSigners[next]!.peerId }, cheapSigners[next]!)
    expect(code(block, second([[block.bytes, forged.bytes]]))).toBe('E_BLOCK_PROOF')
  })
})

describe('pofl', () => {
  const best = (round: number, parent: Block | undefined, members = [0, 1, 2, 3]): number =>
    Math.max(...members.map((k) => scoreOf(proposalOf(k, round, parent?.cid ?? null).aggregate)))

  it('goes on from the best of what was offered', () => {
    const chain = play(pofl, POFL).slice(0, ROUNDS)
    for (const [round, { body }] of chain.entries()) {
      expect(body.proof.score, `round ${round}`).toBe(best(round, chain[round - 1]))
      expect(body.proof.score).toBe(scoreOf(body.aggregate))
    }
  })

  it('waits for nobody once all have offered, and for the window where a miner is silent', () => {
    const patient = { ...POFL, windowMs: 86_400_000 }
    expect(play(pofl, patient).map(({ cid }) => cid)).toEqual(play(pofl, POFL).map(({ cid }) => cid))
    const silent: typeof pofl = {
      ...pofl,
      participant: (init) =>
        init.self === signers[2]!.peerId ? { handle: () => [] } : pofl.participant(init),
    }
    // One is the best of what was offered, but nobody goes on from it.
    expect(play(silent, patient, [2])).toHaveLength(1)
    const chain = play(silent, POFL, [2]).slice(0, ROUNDS)
    expect(chain).toHaveLength(ROUNDS)
    for (const [round, { body }] of chain.entries())
      expect(body.proof.score).toBe(best(round, chain[round - 1], [0, 1, 3]))
  })

  it('takes no score that measuring does not confirm', () => {
    const boaster = signers[2]!.peerId
    const boasting: typeof pofl = {
      ...pofl,
      participant(init) {
        const honest = pofl.participant(init)
        if (init.self !== boaster) return honest
        const boast = (effect: ChainEffect): ChainEffect =>
          effect.type === 'propose' ? { ...effect, proof: { score: 1 } } : effect
        return { handle: (event) => honest.handle(event).map(boast) }
      },
    }
    const chain = play(boasting, POFL, [2]).slice(0, ROUNDS)
    for (const [round, { body }] of chain.entries()) {
      expect(body.author).not.toBe(boaster)
      expect(body.proof.score).toBe(best(round, chain[round - 1], [0, 1, 3]))
    }
  })

  it('refuses blocks below the target and of members that do not mine', () => {
    const code = (block: Block, params: object): string =>
      codeOf(() => checkAll(pofl, { ...POFL, ...params }, [block.bytes]))
    expect(code(first(1, { score: 0.5 }), {})).toBe('accepted')
    expect(code(first(1, { score: 0.5 }), { target: 0.6 })).toBe('E_BLOCK_PROOF')
    expect(code(first(1, { score: 2 }), {})).toBe('E_BLOCK_PROOF')
    expect(code(first(1, { score: 0.5 }), { miners: [0, 2] })).toBe('E_BLOCK_PROPOSER')
  })
})

interface Vote {
  readonly validator: number
  readonly choices: readonly object[]
  readonly signature: Uint8Array
}

describe('vbfl', () => {
  const params = vbflParams({ validators: 0.5, miners: 0.25, banAfter: 2, threshold: 0.1 })
  const modelsOf = (round: number) => [0, 1, 2, 3].map((member) => modelOf(member, round))
  /** Votes of a member on a round: `against` are voted down. */
  const votesOf = (validator: number, against: readonly number[], change: object = {}, round = 0): Vote => {
    const choices = modelsOf(round).map((model) => ({ ...model, fits: !against.includes(model.member) }))
    const payload = { kind: 'votes', round, seed: run.id, attempt: 0, choices, ...change }
    const { signature } = signMessage(run, payload, cheapSigners[validator]!)
    return { validator, choices: payload.choices, signature }
  }
  const block = (member: number, members: readonly number[], votes: Vote[], parent?: Block): Block => {
    const round = parent === undefined ? 0 : 1
    const candidates = modelsOf(round).filter((model) => members.includes(model.member))
    const proposal = { ...proposalOf(member, round, null), candidates }
    const { peerId } = cheapSigners[member]!
    const body = blockBody({ run, parent }, peerId, proposal)
    return signBlock({ ...body, proof: { attempt: 0, votes } }, cheapSigners[member]!)
  }
  const open = (...before: Block[]) =>
    checkAll(
      vbfl,
      params,
      before.map(({ bytes }) => bytes),
    )
  const code = (one: Block, ...before: Block[]): string => codeOf(() => open(...before).accept(one.bytes))
  /** Whose votes alone are refused only for being no majority. */
  const validatorsAfter = (...before: Block[]): number[] =>
    [0, 1, 2, 3].filter((member) => {
      const votes = [votesOf(member, [], {}, before.length)]
      try {
        open(...before).accept(block(0, [0, 1, 2, 3], votes, before.at(-1)).bytes)
        return false
      } catch (error) {
        return /no majority/.test((error as Error).message)
      }
    })
  const validators = validatorsAfter()

  it('draws as many validators as its share says', () => {
    expect(validators).toHaveLength(2)
  })

  it('takes a block with the models that a majority of the validators accepts, and no other', () => {
    const [a, b] = validators as [number, number]
    const both = (against: number[]) => [votesOf(a, against), votesOf(b, against)]
    expect(code(block(0, [0, 1, 2, 3], both([])))).toBe('accepted')
    expect(code(block(0, [0, 1, 3], both([2])))).toBe('accepted')
    // One for and one against is enough.
    expect(code(block(0, [0, 1, 2, 3], [votesOf(a, [2]), votesOf(b, [])]))).toBe('accepted')
    for (const members of [[0, 1, 2, 3], [0, 1], [0]])
      expect(code(block(0, members, both([2])))).toBe('E_BLOCK_PROOF')
    // The author's own model only is there in any case.
    expect(code(block(2, [0, 1, 2, 3], both([2])))).toBe('accepted')
    expect(code(block(2, [0, 1, 2], both([2, 3])))).toBe('accepted')
  })

  it('refuses votes of others, twice, under another round, and too few', () => {
    const [a, b] = validators as [number, number]
    const stranger = [0, 1, 2, 3].find((member) => !validators.includes(member))!
    const all = [0, 1, 2, 3]
    for (const votes of [
      [],
      [votesOf(a, [])],
      [votesOf(a, []), votesOf(a, [])],
      [votesOf(a, []), votesOf(stranger, [])],
      [votesOf(a, []), votesOf(b, [], { round: 1 })],
      [votesOf(a, []), { ...votesOf(b, []), signature: new Uint8Array(64) }],
      [
        votesOf(a, []),
        votesOf(b, [], {
          choices: [...modelsOf(0), ...modelsOf(0)].map((model) => ({ ...model, fits: true })),
        }),
      ],
    ])
      expect(code(block(0, all, votes))).toBe('E_BLOCK_PROOF')
  })

  it('earns stake by role, and bans a member that is voted down in round after round', () => {
    const checker = open()
    const [a, b] = validators as [number, number]
    checker.accept(block(0, [0, 1, 3], [votesOf(a, [2]), votesOf(b, [2])]).bytes)
    const { stakes, negatives } = checker.standing
    expect(negatives).toEqual([0, 0, 1, 0])
    for (const member of [0, 1, 2, 3])
      expect(stakes[member]).toBe(
        Number(member !== 2) + Number(validators.includes(member)) + Number(member === 0),
      )
  })

  it('has no place for a member that was banned', () => {
    const votes = (before: Block[], against: number[]) =>
      validatorsAfter(...before).map((member) => votesOf(member, against, {}, before.length))
    const banning = vbflParams({ ...params, banAfter: 1 })
    const one = block(0, [0, 1, 3], votes([], [2]))
    const second = (member: number, members: number[], against: number[]): string =>
      codeOf(() => {
        const checker = checkAll(vbfl, banning, [one.bytes])
        checker.accept(block(member, members, votes([one], against), one).bytes)
      })
    expect(code(block(2, [0, 1, 2, 3], votes([one], []), one), one)).toBe('accepted')
    expect(second(2, [0, 1, 2, 3], [])).toBe('E_BLOCK_PROPOSER')
  })
})

describe('bft', () => {
  it('needs two thirds, rounded up', () => {
    expect([1, 3, 4, 6, 7, 10].map(bftQuorum)).toEqual([1, 2, 3, 4, 5, 7])
  })

  it('gives every member its turn as leader', () => {
    const leaders = Array.from({ length: 200 }, (_, k) => leaderOf(run, k + 1))
    expect(new Set(leaders)).toEqual(new Set([0, 1, 2, 3]))
  })

  it('refuses a block of another leader, and one without the notarisations before it', () => {
    const leader = leaderOf(run, 1)
    const code = (block: Block): string => codeOf(() => checkAll(bft, { deltaMs: 1 }, [block.bytes]))
    expect(code(first(leader, { iteration: 1, notarised: [] }))).toBe('accepted')
    expect(code(first((leader + 1) % 4, { iteration: 1, notarised: [] }))).toBe('E_BLOCK_PROPOSER')
    expect(code(first(leaderOf(run, 2), { iteration: 2, notarised: [] }))).toBe('E_BLOCK_PROOF')
    const signatures = [0, 1, 2].map((member) => ({ member, signature: new Uint8Array(64) }))
    const dummy = { iteration: 1, block: null, signatures }
    expect(code(first(leaderOf(run, 2), { iteration: 2, notarised: [dummy] }))).toBe('E_BLOCK_PROOF')
  })
})

it('blocks with real signatures are checked with them', () => {
  const leader = leaderOf(run, 1)
  const body = blockBody({ run, parent: undefined }, signers[leader]!.peerId, proposalOf(leader, 0, null))
  const block = signBlock({ ...body, proof: { iteration: 1, notarised: [] } }, signers[leader]!)
  const checker = createChainChecker(run, bft.rules({ run, params: { deltaMs: 1 } }))
  expect(checker.accept(block.bytes).cid).toEqual(block.cid)
  const damaged = Uint8Array.from(block.bytes)
  damaged[damaged.length - 1]! ^= 1
  const again = createChainChecker(run, bft.rules({ run, params: { deltaMs: 1 } }))
  expect(() => again.accept(damaged)).toThrow(expect.objectContaining({ code: 'E_SIGNATURE' }))
})
