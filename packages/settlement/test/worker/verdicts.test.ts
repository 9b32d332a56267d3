import { type Hex, hashTypedData } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { localAccountKey } from '../../src/client/local-accounts.js'
import { openClient } from '../../src/client/open-client.js'
import { Outbox } from '../../src/client/outbox.js'
import { SettlementError } from '../../src/errors.js'
import { createJobBoard } from '../../src/jobs/job-board.js'
import { verdictData } from '../../src/typed-data.js'
import { executeVerdicts } from '../../src/worker/verdicts.js'
import { hash, type Wallet } from '../support/anvil.js'
import { type Deployed, deployed, openRun, PLACE, postedJob, RULES, stakeAll } from '../support/settlement.js'

let on: Deployed
let members: readonly Wallet[]
beforeAll(async () => {
  on = await deployed()
  members = [1, 2, 3].map((k) => on.chain.wallet(k))
  await stakeAll(on, members, 50_000n)
})
afterAll(() => on.chain.stop())

/** A verdict of all members against the last. */
async function judge(run: Hex, grounds: string): Promise<Hex> {
  const verdict = { run, offender: members[2]!.account.address, grounds: hash(grounds), share: 1_000 }
  const data = verdictData(verdict, on.place('slashing'))
  const signatures = await Promise.all(members.map((member) => member.signTypedData(data)))
  await on.send(on.owner, 'slashing', 'giveVerdict', [verdict, signatures])
  return hashTypedData(data)
}

it('verdicts of own jobs are carried out when their time has come, those of strangers never', async () => {
  const job = await postedJob(on, on.chain.wallet(9), { members: 3 })
  for (const member of members) await on.send(member, 'escrow', 'accept', [job, PLACE])
  const own = await judge(job, 'of the job')
  // One that somebody else carries out, or nobody can, does not keep the others from it.
  const foreignHands = await judge(job, 'carried out by somebody else')
  const last = await judge(job, 'of the job, later')
  const refused = await judge(job, 'refused by the contract')
  // A run without a job, such as anybody can open about itself.
  const foreign = await judge(await openRun(on, hash('a run of strangers'), members), 'of strangers')
  const client = await openClient({
    rpc: on.chain.url,
    chainId: on.chain.chain.id,
    contracts: on.contracts,
    key: localAccountKey(1),
  })
  const outbox = new Outbox(client, { confirmations: 0, pollMs: 5, retryMs: 5 })
  /** Verdicts that the member has tried to execute, each time that it has. */
  const tried: Hex[] = []
  const counting: Pick<Outbox, 'send'> = {
    send(call) {
      const [id] = call.args as readonly [Hex]
      tried.push(id)
      if (id === refused) return Promise.reject(new SettlementError('E_REVERTED', 'expired'))
      return outbox.send(call)
    },
  }
  const stopping = new AbortController()
  const log: string[] = []
  let looks = 0
  const done = executeVerdicts({
    ...{ client, outbox: counting as Outbox, from: 0n, pollMs: 1, signal: stopping.signal },
    board: createJobBoard(client, 0n),
    sleep: async () => {
      looks += 1
      await new Promise((resolve) => setTimeout(resolve, 5))
    },
    log: (_level, what) => log.push(what),
  })
  const isClosed = async (id: Hex): Promise<boolean> => (await on.read('slashing', 'caseOf', [id])).isClosed
  const lookedAgain = async (): Promise<void> => {
    const before = looks
    while (looks < before + 3) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await lookedAgain()
  expect(await isClosed(own)).toBe(false)
  // Members take turns within half of the time for it.
  await on.chain.pass(RULES.appealSeconds + RULES.appealSeconds / 2)
  await on.send(on.owner, 'slashing', 'execute', [foreignHands])
  while (!(await isClosed(own)) || !(await isClosed(last))) await lookedAgain()
  await lookedAgain()
  expect(await isClosed(foreign)).toBe(false)
  expect(log).toHaveLength(2)
  // One that is closed is not tried at all, and one that the contract refuses is not tried again.
  expect(tried.toSorted()).toEqual([own, last, refused].toSorted())
  stopping.abort()
  outbox.close()
  await done
})
