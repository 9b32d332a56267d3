import type { Address, Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deployContracts } from '../../src/contracts/deploy.js'
import {
  type ContractStatement,
  membershipData,
  retractionData,
  statementData,
  statementFields,
  type Verdict,
  verdictData,
} from '../../src/typed-data.js'
import { hash, type Wallet } from '../support/anvil.js'
import {
  type Deployed,
  deployed,
  inOrder,
  membershipOf,
  openRun,
  RULES,
  stakeAll,
} from '../support/settlement.js'

const RUN = hash('run')
const STAKE = 10_001n

let on: Deployed
let members: Wallet[]
/** Number of the run. */
let ID: Hex
beforeAll(async () => {
  on = await deployed()
  members = inOrder(Array.from({ length: 6 }, (_, k) => on.chain.wallet(k + 1)))
  await stakeAll(on, members, STAKE)
  ID = await openRun(on, RUN, members)
})
afterAll(() => on.chain.stop())

const address = (wallet: Wallet): Address => wallet.account.address
const announced = (value: string, slot = 3): ContractStatement => ({
  run: RUN,
  kind: 'announcement',
  slot,
  value: hash(value),
})
const sign = (wallet: Wallet, one: ContractStatement, place = on.place('slashing')): Promise<Hex> =>
  wallet.signTypedData(statementData(one, place))

async function punish(
  offender: Address,
  [first, second]: readonly [ContractStatement, ContractStatement],
  signatures: readonly [Hex, Hex],
  bounty: Address,
) {
  return on.send(on.owner, 'slashing', 'punishContradiction', [
    offender,
    statementFields(first),
    signatures[0],
    statementFields(second),
    signatures[1],
    bounty,
  ])
}

describe('a contradiction', () => {
  it('costs a share of the stake, of which the reporter gets some, and the treasury the rest', async () => {
    const liar = members[0]!
    const pair = [announced('one'), announced('two')] as const
    const signatures = [await sign(liar, pair[0]), await sign(liar, pair[1])] as const
    const reporter = '0x00000000000000000000000000000000000000aa'
    const before = await on.chain.balance(on.contracts.treasury)
    await punish(address(liar), pair, signatures, reporter)
    // Rounded up, so that no stake is too small to be lost.
    const taken = (STAKE * BigInt(RULES.contradictionShare) + 9_999n) / 10_000n
    const bounty = (taken * BigInt(RULES.bountyShare)) / 10_000n
    expect(await on.chain.balance(reporter)).toBe(bounty)
    expect((await on.chain.balance(on.contracts.treasury)) - before).toBe(taken - bounty)
    expect(await on.read('stakes', 'liable', [address(liar)])).toBe(STAKE - taken)
    await expect(punish(address(liar), pair, signatures, reporter)).rejects.toThrow('AlreadyPunished')
    // In whichever order, but each pair of its own.
    const turned = [pair[1], pair[0]] as const
    await expect(punish(address(liar), turned, [signatures[1], signatures[0]], reporter)).rejects.toThrow(
      'AlreadyPunished',
    )
    const third = announced('three')
    await punish(address(liar), [pair[0], third], [signatures[0], await sign(liar, third)], reporter)
  })

  it('is none between equal statements, other slots, other kinds or other runs', async () => {
    const liar = members[1]!
    const first = announced('one')
    for (const second of [
      first,
      announced('two', 4),
      { ...announced('two'), kind: 'head' as const },
      { ...announced('two'), run: hash('other') },
    ]) {
      const signatures = [await sign(liar, first), await sign(liar, second)] as const
      await expect(punish(address(liar), [first, second], signatures, address(on.owner))).rejects.toThrow(
        'NotContradicting',
      )
    }
  })

  it('needs both signatures of the offender, for this contract and this chain', async () => {
    const [liar, other] = [members[1]!, members[2]!]
    const pair = [announced('one'), announced('two')] as const
    const right = await sign(liar, pair[0])
    const elsewhere = { ...on.place('slashing'), contract: on.contracts.runs }
    const otherChain = { ...on.place('slashing'), chainId: 1 }
    for (const wrong of [
      await sign(other, pair[1]),
      await sign(liar, pair[1], elsewhere),
      await sign(liar, pair[1], otherChain),
      right,
    ])
      await expect(punish(address(liar), pair, [right, wrong], address(on.owner))).rejects.toThrow(
        'NotSignedBy',
      )
    const second = await sign(liar, pair[1])
    for (const wrong of [
      await sign(other, pair[0]),
      await sign(liar, pair[0], elsewhere),
      await sign(liar, pair[0], otherChain),
      second,
    ])
      await expect(punish(address(liar), pair, [wrong, second], address(on.owner))).rejects.toThrow(
        'NotSignedBy',
      )
    await expect(punish(address(liar), pair, [right, '0x1234'], address(on.owner))).rejects.toThrow(
      'ECDSAInvalidSignatureLength',
    )
  })

  it('reaches a stake that is being withdrawn', async () => {
    const liar = members[3]!
    await on.send(liar, 'stakes', 'unbond', [STAKE])
    const pair = [announced('one', 9), announced('two', 9)] as const
    await punish(
      address(liar),
      pair,
      [await sign(liar, pair[0]), await sign(liar, pair[1])],
      address(on.owner),
    )
    const taken = (STAKE * BigInt(RULES.contradictionShare) + 9_999n) / 10_000n
    await on.chain.pass(RULES.unbondingSeconds + 1)
    const before = await on.chain.balance(address(liar))
    const { gasUsed, effectiveGasPrice } = await on.send(liar, 'stakes', 'withdraw')
    expect(await on.chain.balance(address(liar))).toBe(before + STAKE - taken - gasUsed * effectiveGasPrice)
  })
})

describe('a verdict', () => {
  const verdictOn = (offender: Wallet, grounds: string): Verdict => ({
    run: ID,
    offender: address(offender),
    grounds: hash(grounds),
    share: 2_500,
  })
  const signedBy = (judges: readonly Wallet[], verdict: Verdict): Promise<Hex[]> =>
    Promise.all(judges.map((judge) => judge.signTypedData(verdictData(verdict, on.place('slashing')))))
  const give = async (judges: readonly Wallet[], verdict: Verdict): Promise<Hex> => {
    await on.send(on.owner, 'slashing', 'giveVerdict', [verdict, await signedBy(judges, verdict)])
    return on.read('slashing', 'verdictHash', [verdict])
  }

  it('takes two thirds of the members, each once, and nobody else', async () => {
    const verdict = verdictOn(members[4]!, 'rides free')
    await expect(give(members.slice(0, 3), verdict)).rejects.toThrow('TooFewSignatures')
    const twice = [members[0]!, members[1]!, members[2]!, members[2]!]
    await expect(give(twice, verdict)).rejects.toThrow('NotOrdered')
    await expect(give([...members.slice(0, 3), on.owner], verdict)).rejects.toThrow('NotMember')
    await expect(give(members.slice(0, 4), { ...verdict, run: hash('no run') })).rejects.toThrow('NotAMember')
    await expect(give(members.slice(0, 4), { ...verdict, share: 10_001 })).rejects.toThrow('BadShare')
  })

  it('is given on members of its own run alone', async () => {
    const outsider = on.chain.wallet(8)
    await stakeAll(on, [outsider], STAKE)
    await expect(give(members.slice(0, 4), verdictOn(outsider, 'is rich'))).rejects.toThrow('NotAMember')
  })

  it('is carried out after its time, once', async () => {
    const offender = members[4]!
    const id = await give(members.slice(0, 4), verdictOn(offender, 'echoes'))
    await expect(on.send(on.owner, 'slashing', 'execute', [id])).rejects.toThrow('TooEarly')
    await on.chain.pass(RULES.appealSeconds)
    const liable: bigint = await on.read('stakes', 'liable', [address(offender)])
    await on.send(on.owner, 'slashing', 'execute', [id])
    expect(await on.read('stakes', 'liable', [address(offender)])).toBe(
      liable - (liable * 2_500n + 9_999n) / 10_000n,
    )
    await expect(on.send(on.owner, 'slashing', 'execute', [id])).rejects.toThrow('CaseClosed')
    await expect(give(members.slice(0, 4), verdictOn(offender, 'echoes'))).rejects.toThrow('CaseClosed')
  })

  it('holds the stake through all of the time in which it may be carried out', async () => {
    const offender = members[4]!
    await give(members.slice(0, 4), verdictOn(offender, 'leaves in time'))
    const { staked } = await on.read('stakes', 'memberOf', [address(offender)])
    // Asked for so long ago that only the case keeps it.
    await on.send(offender, 'stakes', 'unbond', [staked])
    const id = await give(members.slice(0, 4), verdictOn(offender, 'leaves late'))
    await on.chain.pass(RULES.unbondingSeconds - RULES.appealSeconds)
    const late = await give(members.slice(0, 4), verdictOn(offender, 'leaves last'))
    await on.chain.pass(RULES.appealSeconds + 1)
    // The release has come, the last case may be carried out, and an older one does not shorten its time.
    await give([members[4]!], verdictOn(offender, 'leaves late')).catch(() => undefined)
    await expect(on.send(offender, 'stakes', 'withdraw')).rejects.toThrow('NotReleased')
    await on.send(on.owner, 'slashing', 'execute', [late])
    await expect(on.send(on.owner, 'slashing', 'execute', [id])).rejects.toThrow('CaseExpired')
    await on.chain.pass(RULES.appealSeconds + 2)
    await on.send(offender, 'stakes', 'withdraw')
    await on.send(offender, 'stakes', 'stake', [], STAKE)
  })

  it('is void when members that were wrong take their signatures back after an appeal', async () => {
    const offender = members[5]!
    const id = await give(members.slice(0, 4), verdictOn(offender, 'aggregates wrongly'))
    const proof = hash('replay proof')
    const retract = async (judges: readonly Wallet[]) =>
      on.send(on.owner, 'slashing', 'retract', [
        id,
        proof,
        await Promise.all(
          judges.map((judge) => judge.signTypedData(retractionData(id, proof, on.place('slashing')))),
        ),
      ])
    await expect(retract([members[0]!])).rejects.toThrow('NotRetractable')
    await expect(on.send(members[0]!, 'slashing', 'appeal', [id, proof])).rejects.toThrow('NotAccused')
    await on.chain.pass(RULES.appealSeconds - 100)
    await on.send(offender, 'slashing', 'appeal', [id, proof])
    await expect(on.send(offender, 'slashing', 'appeal', [id, proof])).rejects.toThrow('AppealedBefore')
    await on.chain.pass(200)
    await expect(on.send(on.owner, 'slashing', 'execute', [id])).rejects.toThrow('TooEarly')
    // One that has not signed the verdict takes nothing back.
    await retract([members[4]!])
    expect((await on.read('slashing', 'caseOf', [id])).isClosed).toBe(false)
    await retract([members[1]!])
    expect((await on.read('slashing', 'caseOf', [id])).isClosed).toBe(true)
    await on.chain.pass(RULES.appealSeconds)
    await expect(on.send(on.owner, 'slashing', 'execute', [id])).rejects.toThrow('CaseClosed')
    expect(await on.read('stakes', 'liable', [address(offender)])).toBe(STAKE)
  })

  it('cannot be appealed against when its time is over', async () => {
    const offender = members[5]!
    const id = await give(members.slice(0, 4), verdictOn(offender, 'again'))
    await on.chain.pass(RULES.appealSeconds)
    await expect(on.send(offender, 'slashing', 'appeal', [id, hash('late')])).rejects.toThrow('AppealOver')
  })
})

describe('a stake under a verdict', () => {
  const RATE = 10_000n
  const begin = async (offender: Wallet, share: number, judges = members.slice(0, 4)) => {
    const verdict = { run: ID, offender: address(offender), grounds: hash(`case ${share}`), share }
    const data = verdictData(verdict, on.place('slashing'))
    const signatures = await Promise.all(judges.map((judge) => judge.signTypedData(data)))
    await on.send(on.owner, 'slashing', 'giveVerdict', [verdict, signatures])
    return { verdict, id: (await on.read('slashing', 'verdictHash', [verdict])) as Hex }
  }

  it('cannot be taken before the case is over, however late the verdict comes', async () => {
    const offender = members[2]!
    const stake: bigint = await on.read('stakes', 'liable', [address(offender)])
    await on.send(offender, 'stakes', 'unbond', [stake])
    await on.chain.pass(RULES.unbondingSeconds - 50)
    const { id } = await begin(offender, 5_000)
    await on.chain.pass(RULES.appealSeconds - 50)
    await on.send(offender, 'slashing', 'appeal', [id, hash('nonsense')])
    await on.chain.pass(100)
    await expect(on.send(offender, 'stakes', 'withdraw')).rejects.toThrow('NotReleased')
    await on.chain.pass(RULES.appealSeconds - 90)
    await on.send(on.owner, 'slashing', 'execute', [id])
    expect(await on.read('stakes', 'liable', [address(offender)])).toBe(
      stake - (stake * 5_000n + RATE - 1n) / RATE,
    )
  })

  it('is free again when nobody carries the verdict out in time', async () => {
    const offender = members[1]!
    const { id } = await begin(offender, 6_000)
    await on.chain.pass(2 * RULES.appealSeconds + 1)
    await expect(on.send(on.owner, 'slashing', 'execute', [id])).rejects.toThrow('CaseExpired')
  })

  it('keeps the verdict when some of its signatures were left out at first', async () => {
    const offender = members[5]!
    const { verdict, id } = await begin(offender, 7_000)
    const data = verdictData(verdict, on.place('slashing'))
    const late = await members[4]!.signTypedData(data)
    await on.send(on.owner, 'slashing', 'giveVerdict', [verdict, [late]])
    const proof = hash('proof')
    await on.send(offender, 'slashing', 'appeal', [id, proof])
    const friend = members[0]!
    const taken = await friend.signTypedData(retractionData(id, proof, on.place('slashing')))
    await expect(
      on.send(on.owner, 'slashing', 'retract', [
        id,
        hash('another'),
        [await friend.signTypedData(retractionData(id, hash('another'), on.place('slashing')))],
      ]),
    ).rejects.toThrow('WrongProof')
    await on.send(on.owner, 'slashing', 'retract', [id, proof, [taken]])
    expect((await on.read('slashing', 'caseOf', [id])).isClosed).toBe(false)
    // What was taken back is not brought again.
    await on.send(on.owner, 'slashing', 'giveVerdict', [verdict, [await friend.signTypedData(data)]])
    const { signers, retracted } = await on.read('slashing', 'caseOf', [id])
    expect(signers & retracted).toBe(0n)
    // After an appeal as well it takes the share that was named.
    const stake: bigint = await on.read('stakes', 'liable', [address(offender)])
    await on.chain.pass(RULES.appealSeconds)
    await on.send(on.owner, 'slashing', 'execute', [id])
    expect(await on.read('stakes', 'liable', [address(offender)])).toBe(
      stake - (stake * 7_000n + RATE - 1n) / RATE,
    )
  })

  it('is safe from runs that have ended, and from shares of nothing', async () => {
    const offender = members[4]!
    const end = (await on.chain.now()) + 100
    const id = await openRun(on, hash('short'), members, end)
    await on.chain.pass(101 + RULES.unbondingSeconds)
    const verdict = { run: id, offender: address(offender), grounds: hash('late'), share: 1 }
    const data = verdictData(verdict, on.place('slashing'))
    const signatures = await Promise.all(members.slice(0, 4).map((judge) => judge.signTypedData(data)))
    await expect(on.send(on.owner, 'slashing', 'giveVerdict', [verdict, signatures])).rejects.toThrow(
      'RunOver',
    )
    await expect(begin(offender, 0)).rejects.toThrow('BadShare')
  })
})

describe('a run', () => {
  it('is opened by the signatures of all members, once, and nobody can take it first', async () => {
    const run = hash('second run')
    await expect(openRun(on, RUN, members)).rejects.toThrow('AlreadyOpen')
    // A thief that opens the same run with itself alone has another number.
    const thief = await openRun(on, run, [on.chain.wallet(9)])
    const two = members.slice(0, 2)
    const [, accounts, until, signatures] = await membershipOf(on, run, two)
    const open = (who: readonly Address[], signed: readonly Hex[], end = until) =>
      on.send(on.owner, 'runs', 'open', [run, who, end, signed])
    await expect(open(accounts, [signatures[0]!, signatures[0]!])).rejects.toThrow('NotMember')
    await expect(open(accounts, signatures.slice(0, 1))).rejects.toThrow('MalformedRun')
    // One member twice, and members in another order, each with signatures over just that.
    for (const wallets of [
      [two[0]!, two[0]!],
      [two[1]!, two[0]!],
    ]) {
      const listed = wallets.map(address)
      const data = membershipData(run, listed, Number(until), on.place('runs'))
      const signed = await Promise.all(wallets.map((wallet) => wallet.signTypedData(data)))
      await expect(open(listed, signed)).rejects.toThrow('NotOrdered')
    }
    await expect(open(accounts, signatures, until + 1n)).rejects.toThrow('NotMember')
    await expect(open([], [])).rejects.toThrow('MalformedRun')
    const id = await openRun(on, run, two)
    expect(id).not.toBe(thief)
    await expect(
      on.send(members[3]!, 'runs', 'join', [id, address(members[3]!), 3n, 1n, 1n]),
    ).rejects.toThrow('NotEscrow')
    await expect(on.send(members[3]!, 'runs', 'anchor', [id, 1n, hash('entry')])).rejects.toThrow('NotMember')
    await on.send(members[0]!, 'runs', 'anchor', [id, 5n, hash('entry')])
    await expect(on.send(members[0]!, 'runs', 'anchor', [id, 5n, hash('other')])).rejects.toThrow('NotHigher')
    expect(await on.read('runs', 'quorumOf', [id])).toBe(2n)
    expect(await on.read('runs', 'quorumOf', [ID])).toBe(4n)
  })
})

describe('the treasury', () => {
  it('pays by its owner alone, and cannot be left without one', async () => {
    const { treasury } = on.contracts
    const to = '0x00000000000000000000000000000000000000bb'
    const held = await on.chain.balance(treasury)
    expect(held).toBeGreaterThan(0n)
    await expect(on.send(members[0]!, 'treasury', 'pay', [to, 1n, hash('why')])).rejects.toThrow(
      'OwnableUnauthorizedAccount',
    )
    await expect(on.send(on.owner, 'treasury', 'renounceOwnership')).rejects.toThrow('NoOwner')
    await on.send(on.owner, 'treasury', 'pay', [to, held, hash('why')])
    expect(await on.chain.balance(to)).toBe(held)
  })
})

describe('rules of a deployment', () => {
  const deploy = (more: object) =>
    deployContracts(
      { wallet: on.owner, reader: on.chain.reader },
      { ...RULES, treasurer: address(on.owner), ...more },
    )

  it.each([
    ['a time for appeals that outlasts stakes', { appealSeconds: 500 }],
    ['no time for appeals', { appealSeconds: 0 }],
    ['no share for a contradiction', { contradictionShare: 0 }],
    ['a bounty that makes a report of oneself cheap', { bountyShare: 5_001 }],
    ['a royalty above the price', { royalty: 10_001 }],
  ])('refuse %s', async (_, more) => {
    await expect(deploy(more)).rejects.toMatchObject({ code: 'E_REVERTED' })
  })
})
