import { appendFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  artifacts,
  inOrder,
  localAccountKey,
  membershipData,
  type SettlementContracts,
  verdictData,
} from '@tempered/settlement'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hash, startChain, type TestChain } from '../../../settlement/test/support/anvil.js'
import { callCli } from '../support/call-cli.js'
import { initNodes, setBootstrap, startNode } from '../support/node-pair.js'
import { inTemporaryFolder, parseJson, startCli } from '../support/run-cli.js'
import { good, keyFile, settlementText, stakedNodes } from '../support/staked-node.js'

let chain: TestChain
beforeAll(async () => {
  chain = await startChain()
})
afterAll(() => chain.stop())

const { deploy, initStaker } = stakedNodes(() => chain)
const settlement = (contracts: string, key?: string, more?: string): string =>
  settlementText(chain, contracts, key, more)

describe('a stake', () => {
  it('is made, added to, asked for and shown, under the account of a node', () =>
    inTemporaryFolder(async (folder) => {
      await deploy(folder)
      await initStaker(folder, 'alice', 1)
      const config = ['--config', 'alice']
      const show = async () => parseJson(await good(['settlement', 'show', ...config, '--json'], folder))!
      expect(await show()).toMatchObject({ peerId: null, staked: '0' })
      await good(['settlement', 'stake', '0.75', ...config], folder)
      await good(['settlement', 'stake', '1', ...config], folder)
      const peerId = await good(['node', 'id', 'alice'], folder)
      expect(await show()).toMatchObject({ peerId, staked: '1750000000000000000', locked: '0', owed: '0' })
      const refused = async (amount: string) =>
        (await callCli(['settlement', 'unstake', amount, ...config], folder)).stderr
      expect(await refused('0')).toMatch(/AboveFreeStake: the amount must be more than 0/)
      expect(await refused('9')).toMatch(/AboveFreeStake: 9 requested, but only 1\.75 is free/)
      expect(await refused('1.5')).toMatch(/BelowMinimum: would leave a stake of 0\.25; the minimum is 0\.5/)
      await good(['settlement', 'unstake', '1.25', ...config], folder)
      expect(await show()).toMatchObject({
        staked: '500000000000000000',
        unbonding: '1250000000000000000',
      })
      const early = await callCli(['settlement', 'withdraw', ...config], folder)
      expect(early.code).not.toBe(0)
      expect(early.stderr).toMatch(/NotReleased: available from 20\d\d-/)
      await chain.pass(101)
      const withdrawn = await callCli(['settlement', 'withdraw', ...config], folder)
      expect(withdrawn.stderr).toMatch(/withdrew 1\.25, in block \d+/)
      expect(await show()).toMatchObject({ unbonding: '0', staked: '500000000000000000' })
      const table = await good(['settlement', 'show', ...config], folder)
      expect(table).toMatch(/^stake +0\.5$/m)
    }))

  it('needs no node: an account, a key of a peer and the contracts are enough', () =>
    inTemporaryFolder(async (folder) => {
      await deploy(folder)
      await keyFile(folder, 'own.key', 2)
      await good(['node', 'init', 'peer'], folder)
      const address = await good(['settlement', 'account', 'own.key'], folder)
      expect(address).toBe('0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC')
      const where = ['--rpc', chain.url, '--contracts', 'settlement.json', '--key', 'own.key']
      const begun = startCli(
        ['settlement', 'stake', '0.5', ...where, '--identity', 'peer/identity.key'],
        folder,
      )
      // Two blocks must follow, and this chain makes none by itself.
      const ended = begun.exit.then(() => true)
      while (!(await Promise.race([ended, new Promise<false>((r) => setTimeout(() => r(false), 100))])))
        await chain.control.mine({ blocks: 1 })
      expect(await begun.exit, begun.stderr.join('\n')).toBe(0)
      const shown = parseJson(await good(['settlement', 'show', ...where, '--json'], folder))
      expect(shown).toMatchObject({ account: address, staked: '500000000000000000' })
    }))

  it('a new key file is only its owner’s', () =>
    inTemporaryFolder(async (folder) => {
      const address = await good(['settlement', 'account'], folder)
      expect(address).toMatch(/^0x[0-9a-fA-F]{40}$/)
      expect((await stat(join(folder, 'account.key'))).mode & 0o777).toBe(0o600)
      expect(await good(['settlement', 'account'], folder)).toBe(address)
    }))
})

describe('what is wrong', () => {
  it.each<[string, readonly string[], RegExp, number]>([
    ['no chain named', ['settlement', 'show'], /--config <node>, or with --rpc/, 2],
    ['both ways at once', ['settlement', 'show', '--config', 'a', '--rpc', 'http://x'], /not both/, 2],
    ['no coins', ['settlement', 'stake', 'much', '--config', 'a'], /amount of coins/, 2],
    [
      'a stake of too many digits',
      ['settlement', 'stake', '0.1234567890123456789', '--config', 'a'],
      /amount of coins/,
      2,
    ],
    [
      'a target without a value',
      ['job', 'post', '--target', 'accuracy', '--budget', '1'],
      /a metric and a value/,
      2,
    ],
    [
      'a day that is none',
      ['settlement', 'sign-run', 'm.json', '--until', 'soon', '--config', 'a'],
      /must be a date/,
      2,
    ],
    [
      'a target beyond a share of 1',
      ['job', 'post', '--target', 'accuracy>=90', '--budget', '1', '--config', 'plain'],
      /is between 0 and 1|has no `settlement`/,
      2,
    ],
    [
      'more members than a job may have',
      ['job', 'post', '--target', 'accuracy>=0.9', '--budget', '1', '--members', '500', '--config', 'a'],
      /--members 500: must be at most 128/,
      2,
    ],
    [
      'a budget of nothing',
      ['job', 'post', '--target', 'accuracy>=0.9', '--budget', '0', '--config', 'a'],
      /--budget: must be more than 0/,
      2,
    ],
    ['a stake of nothing', ['settlement', 'stake', '0', '--config', 'a'], /must be more than 0/, 2],
    [
      'an RPC that is no address',
      ['settlement', 'show', '--rpc', 'foo', '--contracts', 'settlement.json', '--key', 'plain/account.key'],
      /must be an http or https URL/,
      2,
    ],
    [
      'a key file in place of a configuration',
      ['settlement', 'show', '--config', 'plain/account.key'],
      /is a key file; use --key/,
      2,
    ],
    [
      'stakes that are gone before they are judged',
      [
        'settlement',
        'deploy',
        '--rpc',
        'http://127.0.0.1:9',
        '--key',
        'plain/account.key',
        '--unbonding',
        '20',
        '--appeal',
        '10',
        '--out',
        'new.json',
      ],
      /more than twice --appeal/,
      2,
    ],
    [
      'a number of a job that is too short',
      ['job', 'status', '0x1234', '--config', 'a'],
      /is 0x followed by 64 hexadecimal digits/,
      2,
    ],
    [
      'a day that is over',
      ['settlement', 'sign-run', 'm.json', '--until', '2020-01-01', '--config', 'a'],
      /a date in the future/,
      2,
    ],
    [
      'a day too far away',
      ['settlement', 'sign-run', 'm.json', '--until', '2099-01-01', '--config', 'a'],
      /at most 10 years/,
      2,
    ],
    [
      'a node that takes jobs without a chain',
      ['node', 'start', '--serve-jobs', '--config', 'plain'],
      /has no `settlement`/,
      2,
    ],
    ['a node without a run', ['node', 'start', '--config', 'plain'], /names no run/, 2],
    ['a key that others may read', ['settlement', 'show', '--config', 'open'], /chmod 600/, 4],
    ['a key that is none', ['settlement', 'show', '--config', 'bad'], /64 hexadecimal digits/, 4],
    [
      'a file that lists no contracts',
      ['job', 'status', hash('job'), '--rpc', 'http://127.0.0.1:9', '--contracts', 'plain/node.yaml'],
      /E_CONFIG: plain\/node\.yaml: not a file written by `settlement deploy`$/m,
      2,
    ],
    [
      'a folder as a key file',
      [
        'settlement',
        'show',
        '--rpc',
        'http://127.0.0.1:9',
        '--contracts',
        'settlement.json',
        '--key',
        'plain',
      ],
      /is a folder, not a key file/,
      4,
    ],
    ['contracts that are not there', ['settlement', 'show', '--config', 'lost'], /nowhere\.json/, 2],
    [
      'contracts on another chain',
      ['settlement', 'show', '--config', 'other'],
      /chainId: is 31337, but the contracts .* are on chain 5/,
      2,
    ],
    [
      'a port that nobody can dial',
      ['node', 'start', '--serve-jobs', '--config', 'vague'],
      /set one with its port under `announce`/,
      2,
    ],
    ['an RPC that is away', ['settlement', 'show', '--config', 'away'], /no JSON-RPC response/, 7],
    [
      'a folder that is no job',
      ['job', 'status', 'nothing', '--config', 'away'],
      /not the folder of a posted job/,
      2,
    ],
  ])('%s', async (_, args, message, code) => {
    await inTemporaryFolder(async (folder) => {
      const contracts = (chainId: number): string =>
        JSON.stringify({
          kind: 'tempered/settlement',
          version: 1,
          chainId,
          fromBlock: 0,
          contracts: Object.fromEntries(
            ['treasury', 'runs', 'rewards', 'stakes', 'slashing', 'models', 'escrow'].map((name) => [
              name,
              '0x5FbDB2315678afecb367f032d93F642f64180aa3',
            ]),
          ),
        })
      await writeFile(join(folder, 'settlement.json'), contracts(31_337))
      await writeFile(join(folder, 'other.json'), contracts(5))
      const node = async (name: string, config: string, key = localAccountKey(3), mode = 0o600) => {
        await good(['node', 'init', name, '--listen', '/ip4/127.0.0.1/tcp/4123'], folder)
        const path = join(folder, name, 'node.yaml')
        const text = await readFile(path, 'utf8')
        await writeFile(path, text.replace(/^manifest:\n.*\n/m, '') + config)
        await writeFile(join(folder, name, 'account.key'), key, { mode })
      }
      await node('plain', '')
      await node('open', settlement('../settlement.json'), localAccountKey(3), 0o644)
      await node('bad', settlement('../settlement.json'), '0x12')
      await node('lost', settlement('nowhere.json'))
      await node('other', settlement('../other.json'))
      await node('away', settlement('../settlement.json').replace(chain.url, 'http://127.0.0.1:9'))
      await node('vague', settlement('../settlement.json'))
      const vague = join(folder, 'vague', 'node.yaml')
      await writeFile(vague, (await readFile(vague, 'utf8')).replace('tcp/4123', 'tcp/0'))
      await mkdir(join(folder, 'nothing'))
      const run = await callCli(args, folder)
      expect(run.stderr).toMatch(message)
      expect(run.stderr).not.toMatch(/\n {4}at /)
      expect(run.code).toBe(code)
    })
  })
})

describe('two nodes with accounts', () => {
  it('train, anchor the heads of their ledgers, and a manifest names their accounts', () =>
    inTemporaryFolder(async (folder) => {
      await deploy(folder)
      await good(['node', 'init', 'throwaway'], folder)
      const names = ['alice', 'bob']
      for (const name of names) {
        await good(
          ['node', 'init', name, '--listen', '/ip4/127.0.0.1/tcp/0', '--manifest', 'manifest.json'],
          folder,
        )
        await keyFile(join(folder, name), 'account.key', name === 'alice' ? 4 : 5)
        await appendFile(join(folder, name, 'node.yaml'), settlement('../settlement.json'))
      }
      const fixed = ['--model', 'softmax', '--rule', 'average', '--local-steps', '5', '--rounds', '4']
      const members = names.flatMap((name) => ['--member', name])
      await good(['manifest', 'create', ...members, ...fixed, '--settlement', 'settlement.json'], folder)
      const nextYear = new Date(Date.now() + 365 * 86_400_000).toISOString().slice(0, 10)
      const until = ['--until', nextYear]
      const signatures = []
      for (const name of names)
        signatures.push(
          await good(['settlement', 'sign-run', 'manifest.json', ...until, '--config', name], folder),
        )
      const opening = ['settlement', 'open-run', 'manifest.json', ...until, '--config', 'alice']
      const lacking = await callCli([...opening, '--signature', signatures[0]!], folder)
      expect(lacking.stderr).toMatch(/missing signatures: 0x\w+; each member signs/)
      await good([...opening, ...signatures.flatMap((one) => ['--signature', one])], folder)
      const alice = startNode(folder, 'alice')
      const address = await alice.line(
        'stderr',
        (line) => (parseJson(line)?.addresses as string[] | undefined)?.[0],
      )
      await setBootstrap(folder, 'bob', address)
      const bob = startNode(folder, 'bob')
      for (const node of [alice, bob]) expect(await node.exit, node.stderr.join('\n')).toBe(0)
      for (const node of [alice, bob])
        expect(node.stderr.join('\n')).toMatch(/entry 2 of this node's ledger is anchored in block \d+/)
      for (const name of names) await good(['ledger', 'verify', join(name, 'state')], folder)
    }))

  it('a node without its account does not start', () =>
    inTemporaryFolder(async (folder) => {
      await deploy(folder)
      await initNodes(folder, ['carol', 'dave'], 2)
      const peers = [await good(['node', 'id', 'carol'], folder), await good(['node', 'id', 'dave'], folder)]
      const args = ['manifest', 'create', '--force', ...peers.flatMap((peer) => ['--member', peer])]
      const accounts = [
        `${peers[0]}=0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC`,
        `${peers[1]}=0x90F79bf6EB2c4f870365E785982E1f101E93b906`,
      ]
      const lacking = await callCli(
        [...args, '--settlement', 'settlement.json', '--account', accounts[0]!],
        folder,
      )
      expect(lacking.stderr).toMatch(/a peer id needs an account/)
      await good(
        [...args, '--settlement', 'settlement.json', ...accounts.flatMap((one) => ['--account', one])],
        folder,
      )
      const carol = startNode(folder, 'carol')
      expect(await carol.exit).toBe(4)
      expect(carol.stderr.join('\n')).toMatch(/names account 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC/)
    }))
})

describe('a job that nobody takes', () => {
  it('gives the budget back, and is resumed after a stop', () =>
    inTemporaryFolder(async (folder) => {
      await deploy(folder)
      await initStaker(folder, 'user', 6)
      const balance = async () =>
        BigInt(
          String(
            parseJson(await good(['settlement', 'show', '--config', 'user', '--json'], folder))?.balance,
          ),
        )
      const before = await balance()
      const local = ['--listen', '/ip4/127.0.0.1/tcp/0', '--out', 'job', '--config', 'user']
      const args = ['job', 'post', '--target', 'accuracy>=0.9', '--budget', '3', '--model', 'softmax']
      const posted = startCli([...args, '--accept-within', '600', ...local], folder)
      const id = await posted.line('stdout', (line) => /^0x[0-9a-f]{64}$/.exec(line)?.[0])
      const status = await good(['job', 'status', id, '--config', 'user'], folder)
      expect(status).toMatch(/: open\n/)
      expect(status).toMatch(/target >= 0\.9 in at most 50 rounds\n0 of 4 members, accepting until 20/)
      // From anywhere, without a key.
      const where = ['--rpc', chain.url, '--contracts', 'settlement.json']
      expect(await good(['job', 'status', id, ...where], folder)).toBe(status)
      posted.child.kill('SIGTERM')
      expect(await posted.exit).toBe(143)
      expect(posted.stderr.join('\n')).toMatch(/continue with `tempered job resume job`/)
      await chain.pass(601)
      const resumed = startCli(['job', 'resume', 'job', '--config', 'user'], folder)
      expect(await resumed.exit, resumed.stderr.join('\n')).toBe(8)
      expect(resumed.stderr.join('\n')).toMatch(/not enough members accepted in time/)
      const json = parseJson(await good(['job', 'status', 'job', '--config', 'user', '--json'], folder))
      expect(json).toMatchObject({ state: 'refunded', returned: '3000000000000000000', paid: [] })
      // All but fees.
      expect(before - (await balance())).toBeLessThan(10n ** 16n)
    }))

  it('is cancelled by its user, and by nobody else', () =>
    inTemporaryFolder(async (folder) => {
      await deploy(folder)
      await initStaker(folder, 'user', 8)
      await keyFile(folder, 'other.key', 9)
      const where = ['--rpc', chain.url, '--contracts', 'settlement.json']
      const args = ['job', 'post', '--target', 'accuracy>=0.9', '--budget', '2', '--model', 'softmax']
      const posted = startCli(
        [...args, '--listen', '/ip4/127.0.0.1/tcp/0', '--out', 'job', '--config', 'user'],
        folder,
      )
      const id = await posted.line('stdout', (line) => /^0x[0-9a-f]{64}$/.exec(line)?.[0])
      const stranger = await callCli(['job', 'cancel', id, ...where, '--key', 'other.key'], folder)
      expect(stranger).toMatchObject({ code: 2 })
      expect(stranger.stderr).toMatch(/belongs to account 0x/)
      const nothing = await callCli(['job', 'cancel', hash('no job'), '--config', 'user'], folder)
      expect(nothing).toMatchObject({ code: 2 })
      expect(nothing.stderr).toMatch(/there is no job 0x/)
      const cancelled = await callCli(['job', 'cancel', 'job', '--config', 'user'], folder)
      expect(cancelled, cancelled.stderr).toMatchObject({ code: 0 })
      expect(cancelled.stderr).toMatch(/is cancelled/)
      // The command that waits for the job ends by itself; either of the two claims the budget.
      expect(await posted.exit, posted.stderr.join('\n')).toBe(8)
      expect(cancelled.stderr + posted.stderr.join('\n')).toMatch(/claimed 2: the unspent budget/)
      expect(
        parseJson(await good(['settlement', 'show', '--config', 'user', '--json'], folder)),
      ).toMatchObject({
        owed: '0',
      })
      const again = await callCli(['job', 'cancel', id, '--config', 'user'], folder)
      expect(again).toMatchObject({ code: 0 })
      expect(again.stderr).toMatch(/already/)
    }))

  it('is not posted for a target that the task does not measure, or for more than its budget', () =>
    inTemporaryFolder(async (folder) => {
      await deploy(folder)
      await initStaker(folder, 'user', 7)
      const post = (more: readonly string[]) =>
        callCli(
          ['job', 'post', '--budget', '1', '--config', 'user', '--listen', '/ip4/127.0.0.1/tcp/0', ...more],
          folder,
        )
      const strange = await post(['--target', 'rmse<=3'])
      expect(strange).toMatchObject({ code: 2 })
      expect(strange.stderr).toMatch(/write accuracy>=/)
      const dear = await post(['--target', 'accuracy>=0.9', '--per-round', '1', '--rounds', '2'])
      expect(dear).toMatchObject({ code: 2 })
      expect(dear.stderr).toMatch(/more than the budget/)
    }))
})

describe('a verdict', () => {
  it('is shown to the accused, who appeals, and a member takes its signature back', () =>
    inTemporaryFolder(async (folder) => {
      await deploy(folder)
      const on = JSON.parse(await readFile(join(folder, 'settlement.json'), 'utf8')) as {
        contracts: SettlementContracts
      }
      // One verdict of two members, who are two thirds of two.
      await initStaker(folder, 'judge', 8)
      await initStaker(folder, 'accused', 9)
      for (const name of ['judge', 'accused'])
        await good(['settlement', 'stake', '1', '--config', name], folder)
      await good(['node', 'init', 'peer'], folder)
      const wallets = [8, 9].map((k) => chain.wallet(k))
      const members = inOrder(wallets.map((wallet) => wallet.account.address))
      const ordered = members.map((one) => wallets.find((wallet) => wallet.account.address === one)!)
      const digest = hash('a run of two')
      const until = (await chain.now()) + 100_000
      const place = (contract: `0x${string}`) => ({ chainId: 31_337, contract })
      const membership = membershipData(digest, members, until, place(on.contracts.runs))
      const signed = await Promise.all(ordered.map((wallet) => wallet.signTypedData(membership)))
      const runs = { address: on.contracts.runs, abi: artifacts.RunRegistry.abi } as const
      const opened = await chain.wallet(0).writeContract({
        ...runs,
        functionName: 'open',
        args: [digest, members, BigInt(until), signed],
      } as never)
      await chain.reader.waitForTransactionReceipt({ hash: opened })
      const run = await chain.reader.readContract({ ...runs, functionName: 'idOf', args: [digest, members] })
      const slashing = { address: on.contracts.slashing, abi: artifacts.SlashingManager.abi } as const
      const verdict = { run, offender: wallets[1]!.account.address, grounds: hash('grounds'), share: 10_000 }
      const data = verdictData(verdict, place(on.contracts.slashing))
      const judged = await Promise.all(wallets.map((wallet) => wallet.signTypedData(data)))
      const given = await chain
        .wallet(0)
        .writeContract({ ...slashing, functionName: 'giveVerdict', args: [verdict, judged] } as never)
      await chain.reader.waitForTransactionReceipt({ hash: given })

      const shown = await good(['settlement', 'verdicts', '--config', 'accused', '--json'], folder)
      const { id, isClosed } = parseJson(shown) as { id: string; isClosed: boolean }
      expect(isClosed).toBe(false)
      expect(await good(['settlement', 'verdicts', '--config', 'judge'], folder)).toBe('no verdicts')
      await writeFile(join(folder, 'proof.txt'), 'every round computed again')
      await writeFile(join(folder, 'other.txt'), 'something else')
      const appeal = ['settlement', 'appeal', id, '--proof', 'proof.txt', '--config', 'accused']
      await good(appeal, folder)
      expect((await callCli(appeal, folder)).stderr).toMatch(/AppealedBefore/)
      const wrong = ['settlement', 'retract', id, '--proof', 'other.txt', '--config', 'judge']
      expect((await callCli(wrong, folder)).stderr).toMatch(/WrongProof/)
      const own = await good(
        ['settlement', 'retract', id, '--proof', 'proof.txt', '--config', 'accused', '--print'],
        folder,
      )
      const both = ['--proof', 'proof.txt', '--signature', own, '--config', 'judge']
      const retracted = await callCli(['settlement', 'retract', id, ...both], folder)
      expect(retracted.stderr).toMatch(/signatures withdrawn in block \d+; the verdict is void/)
      const after = parseJson(await good(['settlement', 'verdicts', '--config', 'accused', '--json'], folder))
      expect(after).toMatchObject({ isClosed: true, isAppealed: true, ending: 'void' })
      expect(await good(['settlement', 'verdicts', '--config', 'accused'], folder)).toMatch(/void/)
    }))
})
