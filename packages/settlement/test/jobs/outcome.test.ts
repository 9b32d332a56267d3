import { blobCid } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { headsOf, MOST_METRIC, resultAt } from '../../src/jobs/outcome.js'
import { sealedJob } from '../support/job.js'
import { all, block, judged, ledger, modelOf, peers, run, text } from '../support/job-rounds.js'

describe('the result of a job', () => {
  it('is there once the middle measurement reaches the target', () => {
    const result = resultAt(judged(4, (member) => ({ metric: 0.85 + member / 100 })))
    expect(result).toMatchObject({ rounds: 3, metric: 870_000n })
    expect(result!.model.equals(modelOf(2))).toBe(true)
  })

  it('is none before there is a measured round', () => {
    expect(resultAt(judged(1))).toBeUndefined()
  })

  it('is that of the last paid round in later blocks too', () => {
    const low = () => ({ metric: 0.5 })
    const [first, later] = [11, 13].map((round) => resultAt(judged(round, low))!)
    expect(later).toMatchObject({ rounds: 10, metric: 500_000n })
    expect(later!.model.equals(first!.model)).toBe(true)
  })

  it('is none below the target, unless no more rounds are paid for', () => {
    const low = () => ({ metric: 0.5 })
    expect(resultAt(judged(6, low))).toBeUndefined()
    expect(resultAt(judged(11, low))).toMatchObject({ rounds: 10, metric: 500_000n })
  })

  it('is reached by what is exactly the target', () => {
    expect(resultAt(judged(4, () => ({ metric: 0.85 })))).toMatchObject({ rounds: 3, metric: 850_000n })
    const target = { metric: 'loss', value: 0.2, better: 'lower' } as const
    const job = sealedJob({ target })
    expect(resultAt(judged(4, () => ({ metric: 0.2 }), { job }))).toMatchObject({ metric: 200_000n })
    expect(resultAt(judged(4, () => ({ metric: 0.21 }), { job }))).toBeUndefined()
  })

  it('is that of the rounds that are done, once time runs out', () => {
    const late = { ...judged(6, () => ({ metric: 0.5 })), isDue: true }
    expect(resultAt(late)).toMatchObject({ rounds: 5, metric: 500_000n })
    expect(resultAt({ ...judged(1), isDue: true })).toBeUndefined()
  })

  it('fits into a contract although training diverged', () => {
    const worst = BigInt(MOST_METRIC) * 1_000_000n
    const last = (metric: number | null, better: 'higher' | 'lower') =>
      resultAt(
        judged(11, () => ({ metric }), { job: sealedJob({ target: { metric: 'm', value: 0, better } }) }),
      )?.metric
    expect(last(1e300, 'lower')).toBe(worst)
    expect(last(null, 'lower')).toBe(worst)
    expect(last(-1e300, 'higher')).toBe(-worst)
    expect(last(null, 'higher')).toBe(-worst)
    expect(worst < 2n ** 63n).toBe(true)
  })

  it('takes the worse of two middle measurements', () => {
    const result = resultAt(judged(4, (member) => ({ metric: member < 3 ? 0.86 : 0.99 })))
    expect(result?.metric).toBe(860_000n)
  })

  it('counts nobody who measured another model, or nothing', () => {
    const other = blobCid(text('another'))
    const some = (liars: number) => (member: number) =>
      member < liars ? { start: other, metric: 1 } : member === 5 ? { metric: undefined } : { metric: 0.9 }
    // Four of six are two thirds.
    expect(resultAt(judged(4, some(1)))).toMatchObject({ metric: 900_000n })
    expect(resultAt(judged(4, some(2)))).toBeUndefined()
  })

  it('cannot be raised by a third of the members', () => {
    expect(resultAt(judged(4, (member) => ({ metric: member < 2 ? 1 : 0.5 })))).toBeUndefined()
  })

  it('does not depend on the order of the ledgers', () => {
    const round = judged(4, (member) => ({
      metric: 0.86 + member / 1000,
      leaveOneOut: (other) => other * member,
    }))
    const turned = { ...round, ledgers: new Map([...round.ledgers].reverse()) }
    expect(resultAt(turned)).toEqual(resultAt(round))
  })
})

describe('free riders', () => {
  const flagging = (by: readonly number[], riders: readonly number[]) => (member: number) => ({
    freeRide: (other: number) => (by.includes(member) && riders.includes(other) ? 'noise' : null),
  })
  it.each<[string, readonly number[], readonly number[], number, readonly number[]]>([
    ['four of six accuse one', [0, 1, 3, 4], [2], 4, [2]],
    ['three of six accuse one', [0, 1, 3], [2], 4, []],
    ['all accuse two', all, [2, 3], 4, [2, 3]],
    ['all accuse three, which is the fault of the job', all, [1, 2, 3], 4, []],
    ['all accuse all', all, all, 4, []],
    ['all accuse one, in two rounds', all, [2], 3, []],
  ])('when %s', (_, by, riders, round, found) => {
    const result = resultAt(judged(round, flagging(by, riders)))!
    expect(result.freeRiders.map(({ peerId }) => peers.indexOf(peerId))).toEqual(found)
    for (const member of all) expect(result.weights[member]! > 0n).toBe(!found.includes(member))
  })

  it('are not those whom liars accuse in a block that names few others', () => {
    const round = judged(4, flagging([0, 1], [2]))
    const ledgers = new Map([...round.ledgers].slice(0, 4))
    expect(resultAt({ ...round, ledgers })?.freeRiders).toEqual([])
  })

  it('are not those who seem to copy, since the copied seem to as well', () => {
    const hint = () => ({ freeRide: (other: number) => (other === 2 ? 'later-copy' : null) })
    expect(resultAt(judged(4, hint))?.freeRiders).toEqual([])
  })
})

describe('the entries by which a block is judged', () => {
  const named = (chain: Parameters<typeof headsOf>[0], member: number) =>
    headsOf(chain, run)
      .get(peers[member]!)
      ?.map((entry) => entry.toString())
  const entry = (member: number, round: number) => ledger(member, round).at(-1)!.cid.toString()

  it('are those that it and the two before it name, its own first', () => {
    const chain = [1, 2, 3, 4, 5].map((round) => block(round))
    expect(named(chain, 2)).toEqual([entry(2, 5), entry(2, 4), entry(2, 3)])
  })

  it('are not chosen by the author of one block', () => {
    const chain = [block(3), block(4), block(5, all, [0, 1, 2, 3])]
    expect(named(chain, 5)).toEqual([entry(5, 4), entry(5, 3)])
    expect(named([block(5, all, [0, 1, 2, 3])], 5)).toBeUndefined()
  })
})

describe('pay', () => {
  it('does not believe in gains or steps that cannot be', () => {
    const byGain = resultAt(
      judged(
        4,
        (member) => ({ leaveOneOut: (other) => (member === 0 ? 1e300 : other === 5 ? 1e300 : 0.01) }),
        {
          job: sealedJob({ pay: 'contribution' }),
        },
      ),
    )!
    expect(byGain.weights.every((weight) => weight < 2n ** 64n)).toBe(true)
    const bySamples = resultAt(
      judged(4, (member) => ({ localSteps: member === 0 ? Number.MAX_SAFE_INTEGER : 20 }), {
        job: sealedJob({ pay: 'samples' }),
      }),
    )!
    expect(new Set(bySamples.weights).size).toBe(1)
  })

  it('is equal among those who took part, by rounds in which their models were there', () => {
    const chain = [block(0), block(1), block(2, [0, 1, 2, 3, 4]), block(3, [0, 1, 2, 3, 4]), block(4)]
    expect(resultAt(judged(4, undefined, { chain }))?.weights).toEqual([5n, 5n, 5n, 5n, 5n, 3n])
  })

  it('is not lost by a member whose author or ledger the last block lacks', () => {
    const chain = [block(0), block(1), block(2), block(3), block(4, [0, 1, 2, 3], [0, 1, 2, 3])]
    const round = judged(4, undefined, { chain })
    const ledgers = new Map([...round.ledgers].slice(0, 4))
    expect(resultAt({ ...round, ledgers })?.weights).toEqual([5n, 5n, 5n, 5n, 4n, 4n])
    expect(resultAt({ ...round, ledgers: new Map([...ledgers].slice(0, 3)) })).toBeUndefined()
  })

  it.each<[number, boolean]>([
    [3, true],
    [4, false],
  ])('is for a member that %s of six have quarantined: %s', (liars, isPaid) => {
    const round = judged(4, (member) => ({
      reason: (other) => (member < liars && other === 5 ? 'quarantined' : 'selected'),
    }))
    expect(resultAt(round)!.weights.map((weight) => weight > 0n)).toEqual([
      true,
      true,
      true,
      true,
      true,
      isPaid,
    ])
  })

  it('is not for free riders either where nobody has gained anything', () => {
    const job = sealedJob({ pay: 'contribution' })
    const round = judged(
      4,
      () => ({ leaveOneOut: () => -0.1, freeRide: (other) => (other === 2 ? 'noise' : null) }),
      { job },
    )
    expect(resultAt(round)?.weights).toEqual([5n, 5n, 0n, 5n, 5n, 5n])
  })

  it('by samples goes by steps', () => {
    const bySamples = sealedJob({ pay: 'samples' })
    const round = judged(4, (member) => ({ localSteps: member }), { job: bySamples })
    // Three rounds of batches of 32. A member without steps never trained, and is paid nothing.
    expect(resultAt(round)?.weights).toEqual([0n, 96n, 192n, 288n, 384n, 480n])
  })

  it('by contribution goes by gains, and harm is no debt', () => {
    const byGain = sealedJob({ pay: 'contribution' })
    const gains = [0.02, 0.01, 0.04, 0.01, 0.01, -0.5]
    const round = judged(4, () => ({ leaveOneOut: (other) => gains[other]! }), { job: byGain })
    expect(resultAt(round)?.weights).toEqual([
      20_000_000n,
      10_000_000n,
      40_000_000n,
      10_000_000n,
      10_000_000n,
      0n,
    ])
  })

  it('is nothing for a free rider, whom its scorers name', () => {
    const round = judged(4, () => ({ freeRide: (other) => (other === 2 ? 'noise' : null) }))
    const result = resultAt(round)
    expect(result?.weights).toEqual([5n, 5n, 0n, 5n, 5n, 5n])
    expect(result?.freeRiders.map(({ peerId }) => peerId)).toEqual([peers[2]])
  })

  it('does not fall for two of six who accuse somebody', () => {
    const round = judged(4, (member) => ({
      freeRide: (other) => (member < 2 && other === 2 ? 'noise' : null),
    }))
    expect(resultAt(round)?.freeRiders).toEqual([])
  })
})
