import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startChain, type TestChain } from '../../../../settlement/test/support/anvil.js'
import { callCli } from '../../support/call-cli.js'
import { freePorts } from '../../support/free-ports.js'
import { type CliProcess, inTemporaryFolder, parseJson, startCli } from '../../support/run-cli.js'
import { good, stakedNodes } from '../../support/staked-node.js'

let chain: TestChain
beforeAll(async () => {
  chain = await startChain()
})
afterAll(() => chain.stop())

const { deploy, initStaker } = stakedNodes(() => chain)

const serve = (folder: string, name: string): CliProcess =>
  startCli(['node', 'start', '--serve-jobs', '--config', name, '--metrics', '127.0.0.1:0'], folder)

/** Where a node serves its metrics, as its log says. */
const metricsOf = (node: CliProcess): Promise<string> =>
  node.line('stderr', (line) => /metrics at (http:\S+)\/metrics/.exec(line)?.[1])

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    await pause(100)
  }
}

describe('a node that serves jobs', () => {
  it('says that its chain does not answer, and is not ready', () =>
    inTemporaryFolder(async (folder) => {
      await deploy(folder)
      await initStaker(folder, 'alice', 1, (await freePorts(1))[0])
      const path = join(folder, 'alice', 'node.yaml')
      const text = await readFile(path, 'utf8')
      const [nowhere] = await freePorts(1)
      await writeFile(path, text.replace(chain.url, `http://127.0.0.1:${nowhere}`))
      const alice = serve(folder, 'alice')
      const url = await metricsOf(alice)
      await alice.line('stderr', (line) =>
        /trying again|retrying|does not answer/.test(line) ? true : undefined,
      )
      expect(parseJson(await good(['status', 'alice', '--json'], folder))).toMatchObject({
        ...{ running: true, phase: 'waiting for the chain', ready: false },
        reasons: ['the chain of `settlement` does not answer yet'],
      })
      expect((await fetch(`${url}/readyz`)).status).toBe(503)
      alice.child.kill('SIGTERM')
      expect(await alice.exit, alice.stderr.join('\n')).toBe(143)
    }))

  it('is watched like any other, whether it trains one or waits for one', () =>
    inTemporaryFolder(async (folder) => {
      await deploy(folder)
      const names = ['alice', 'bob']
      const ports = await freePorts(2)
      for (const [k, name] of names.entries()) {
        await initStaker(folder, name, k + 1, ports[k])
        await good(['settlement', 'stake', '1', '--config', name], folder)
      }
      await initStaker(folder, 'user', 6)
      const status = async () => parseJson(await good(['status', 'alice', '--json'], folder))!
      const waiting = () =>
        until(async () => {
          const found = await callCli(['status', 'alice', '--json'], folder)
          const document = found.code === 0 ? parseJson(found.stdout) : undefined
          return document?.phase === 'waiting for a job' ? document : undefined
        })

      const nodes = names.map((name) => serve(folder, name))
      const url = await metricsOf(nodes[0]!)
      expect(await waiting()).toMatchObject({ running: true, node: 'alice', pid: nodes[0]!.child.pid })
      expect(await good(['status', 'alice'], folder)).toMatch(/^alice {2}waiting for a job\nversion/)
      const idle = await fetch(`${url}/readyz`)
      expect([idle.status, await idle.json()]).toMatchObject([200, { phase: 'waiting for a job' }])
      expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^tempered_ready 1$/m)

      const post = [
        'job',
        'post',
        '--target',
        'accuracy>=0.99',
        '--rounds',
        '3',
        '--budget',
        '1',
        '--members',
        '2',
      ]
      const what = ['--stake', '0.1', '--model', 'softmax', '--local-steps', '1', '--delta-ms', '500']
      const user = startCli(
        [...post, ...what, '--listen', '/ip4/127.0.0.1/tcp/0', '--config', 'user'],
        folder,
      )
      const trained = await until(async () => {
        const found = await status()
        return found.run === undefined ? undefined : found
      })
      expect(trained).toMatchObject({ running: true, node: 'alice', members: 2, rounds: expect.any(Number) })
      await user.exit
      expect(await waiting()).toMatchObject({ running: true, pid: nodes[0]!.child.pid })
      const metrics = await (await fetch(`${url}/metrics`)).text()
      expect(Number(/^tempered_rounds_closed_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThanOrEqual(3)
      expect(metrics).not.toMatch(/^tempered_round \d/m)

      for (const node of nodes) node.child.kill('SIGTERM')
      for (const node of nodes) expect(await node.exit, node.stderr.join('\n')).toBe(143)
      expect(await callCli(['status', 'alice'], folder)).toMatchObject({ code: 10 })
    }))
})
