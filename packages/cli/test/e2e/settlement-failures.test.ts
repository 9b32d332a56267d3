import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startChain, type TestChain } from '../../../settlement/test/support/anvil.js'
import { flakyRpc } from '../../../settlement/test/support/flaky-rpc.js'
import { callCli } from '../support/call-cli.js'
import { inTemporaryFolder, startCli } from '../support/run-cli.js'
import { good, keyFile, settlementText, stakedNodes } from '../support/staked-node.js'

let chain: TestChain
beforeAll(async () => {
  chain = await startChain()
})
afterAll(() => chain.stop())
const { deploy, initStaker } = stakedNodes(() => chain)

const LISTEN = ['--listen', '/ip4/127.0.0.1/tcp/0']
const JOB = ['job', 'post', '--target', 'accuracy>=0.9', '--budget', '2', '--model', 'softmax', ...LISTEN]

describe('a user who is killed while it posts a job', () => {
  it('finds it again, with the budget in it', () =>
    inTemporaryFolder(async (folder) => {
      await deploy(folder)
      await initStaker(folder, 'user', 3)
      const posted = startCli([...JOB, '--out', 'job', '--config', 'user'], folder)
      const id = await posted.line('stdout', (line) => /^0x[0-9a-f]{64}$/.exec(line)?.[0])
      posted.child.kill('SIGKILL')
      await posted.exit
      // As it is before the number is known: a kill between the two cannot be timed.
      const file = join(folder, 'job', 'job.json')
      const { id: _, ...rest } = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
      await writeFile(file, JSON.stringify(rest))
      const early = await callCli(['job', 'status', 'job', '--config', 'user'], folder)
      expect(early).toMatchObject({ code: 2 })
      expect(early.stderr).toMatch(/has no job id yet; find it with `tempered job resume job`/)
      const resumed = startCli(['job', 'resume', 'job', '--config', 'user'], folder)
      await resumed.line('stderr', (line) => /0 of 4 members/.exec(line)?.[0])
      resumed.child.kill('SIGTERM')
      await resumed.exit
      expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ id })
      const cancelled = await callCli(['job', 'cancel', 'job', '--config', 'user'], folder)
      expect(cancelled, cancelled.stderr).toMatchObject({ code: 0 })
    }))

  it('keeps the key of a node whose folder it names by mistake', () =>
    inTemporaryFolder(async (folder) => {
      await deploy(folder)
      await initStaker(folder, 'user', 10)
      const key = await readFile(join(folder, 'user', 'identity.key'))
      const failed = await callCli([...JOB, '--out', 'user', '--config', 'user'], folder)
      expect(failed.code).not.toBe(0)
      expect(await readFile(join(folder, 'user', 'identity.key'))).toEqual(key)
      expect(await readdir(join(folder, 'user'))).not.toContain('job.cbor')
    }))

  it('is told so when nothing was posted, and leaves nothing behind when nobody can listen', () =>
    inTemporaryFolder(async (folder) => {
      await deploy(folder)
      await initStaker(folder, 'user', 4)
      const nowhere = ['--listen', '/ip4/203.0.113.7/tcp/4000', '--out', 'job', '--config', 'user']
      const failed = await callCli([...JOB.slice(0, -2), ...nowhere], folder)
      expect(failed.code).not.toBe(0)
      expect(failed.stderr).toMatch(/E_LISTEN/)
      expect(await readdir(join(folder, 'job'))).toEqual([])
      const again = startCli([...JOB, '--out', 'job', '--config', 'user'], folder)
      await again.line('stdout', (line) => /^0x/.exec(line)?.[0])
      again.child.kill('SIGTERM')
      await again.exit
      await keyFile(folder, 'other.key', 5)
      const file = join(folder, 'job', 'job.json')
      await writeFile(file, JSON.stringify({ listen: [], announce: [] }))
      const where = ['--rpc', chain.url, '--contracts', 'settlement.json', '--key', 'other.key']
      const strange = await callCli(['job', 'resume', 'job', ...where], folder)
      expect(strange).toMatchObject({ code: 2 })
      expect(strange.stderr).toMatch(/has not posted this job/)
    }))
})

describe('an RPC that fails', () => {
  it('is named by its host, in one line, whatever its address holds', () =>
    inTemporaryFolder(async (folder) => {
      await deploy(folder)
      const rpc = await flakyRpc(chain.url)
      try {
        rpc.fake('eth_call', 50, { error: { code: -32_005, message: 'upstream broke' } })
        const secret = `${rpc.url}/SECRET?key=SECRET`
        const where = ['--rpc', secret, '--contracts', 'settlement.json', '--key', 'own.key']
        await keyFile(folder, 'own.key', 6)
        for (const command of ['show', 'claim', 'verdicts']) {
          const { code, stderr } = await callCli(['settlement', command, ...where], folder)
          if (command === 'verdicts') expect(code).toBe(0)
          else {
            expect(stderr).toMatch(/^error E_RPC: 127\.0\.0\.1:\d+: error response: upstream broke$/)
            expect(code).toBe(7)
          }
          expect(stderr).not.toMatch(/SECRET/)
        }
      } finally {
        await rpc.close()
      }
    }))

  it('of another chain keeps a node from starting', () =>
    inTemporaryFolder(async (folder) => {
      await deploy(folder)
      const other = await startChain({ chainId: 999 })
      try {
        for (const [k, name] of ['alice', 'bob'].entries()) await initStaker(folder, name, 7 + k)
        await good(
          [
            ...['manifest', 'create', '--member', 'alice', '--member', 'bob'],
            ...['--settlement', 'settlement.json', '--out', 'manifest.json', '--rounds', '2'],
          ],
          folder,
        )
        const path = join(folder, 'alice', 'node.yaml')
        const text = (await readFile(path, 'utf8')).replace(/^settlement:.*\n/m, '')
        await writeFile(
          path,
          `${text}manifest: { file: ../manifest.json }\n${settlementText(other, '../settlement.json')}`,
        )
        const started = await callCli(['node', 'start', '--config', 'alice'], folder)
        expect(started.stderr).toMatch(/serves chain 999, but the contracts are on chain 31337/)
        expect(started.code).not.toBe(0)
      } finally {
        await other.stop()
      }
    }))
})

describe('contracts', () => {
  it('are not deployed where their addresses cannot be written, or with a stake that no contract can hold', () =>
    inTemporaryFolder(async (folder) => {
      await keyFile(folder, 'own.key', 9)
      const deploying = (more: readonly string[]) =>
        callCli(['settlement', 'deploy', '--rpc', chain.url, '--key', 'own.key', ...more], folder)
      const before = await chain.reader.getBlockNumber({ cacheTime: 0 })
      const nowhere = await deploying(['--out', 'nowhere/settlement.json'])
      expect(nowhere).toMatchObject({ code: 2 })
      expect(nowhere.stderr).toMatch(/--out nowhere\/settlement.json: folder .* does not exist/)
      const huge = await deploying(['--minimum-stake', '9'.repeat(25)])
      expect(huge).toMatchObject({ code: 2 })
      expect(huge.stderr).toMatch(/is too large/)
      const odd = await callCli(['settlement', 'deploy', '--rpc', 'localhost:1', '--key', 'own.key'], folder)
      expect(odd).toMatchObject({ code: 2 })
      expect(odd.stderr).toMatch(/must be an http or https URL/)
      expect(await chain.reader.getBlockNumber({ cacheTime: 0 })).toBe(before)
    }))

  it('that an account cannot pay for are refused for that reason', () =>
    inTemporaryFolder(async (folder) => {
      const address = await good(['settlement', 'account', 'poor.key'], folder)
      expect(address).toMatch(/^0x/)
      const { code, stderr } = await callCli(
        ['settlement', 'deploy', '--rpc', chain.url, '--key', 'poor.key'],
        folder,
      )
      expect(stderr).toMatch(/^error E_FUNDS/)
      expect(code).toBe(7)
    }))
})
