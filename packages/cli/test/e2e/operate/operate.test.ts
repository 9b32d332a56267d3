import { access, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Finding } from '../../../src/doctor/finding.js'
import type { StatusDocument } from '../../../src/operate/status-document.js'
import { callCli } from '../../support/call-cli.js'
import {
  configure,
  initNodes,
  listening,
  roundDone,
  setBootstrap,
  startNode,
} from '../../support/node-pair.js'
import { type CliProcess, inTemporaryFolder, parseJson, startCli } from '../../support/run-cli.js'

/** More rounds than a test waits for. */
const MANY = 100_000

const startWatched = (folder: string, node: string, ...more: string[]): CliProcess =>
  startCli(['node', 'start', '--config', node, '--json', '--metrics', '127.0.0.1:0', ...more], folder)

const logged = (cli: CliProcess, text: string): Promise<string> =>
  cli.line('stderr', (line) => {
    const msg = parseJson(line)?.msg
    return typeof msg === 'string' && msg.includes(text) ? msg : undefined
  })

const metricsUrl = async (cli: CliProcess): Promise<string> =>
  /http:\/\/[\d.:]+/.exec(await logged(cli, 'metrics at'))![0]

async function statusOf(folder: string, node: string) {
  const { code, stdout, stderr } = await callCli(['status', node, '--json'], folder)
  return { code, stderr, document: JSON.parse(stdout) as StatusDocument & { running: boolean } }
}

async function doctorOf(folder: string, node: string) {
  const { code, stdout } = await callCli(['doctor', node, '--json'], folder)
  const { findings } = JSON.parse(stdout) as { findings: Finding[] }
  return {
    code,
    findings,
    of: (check: Finding['check'], level: Finding['level']) =>
      findings.filter((one) => one.check === check && one.level === level).map(({ text }) => text),
  }
}

async function stop(...nodes: readonly CliProcess[]): Promise<void> {
  for (const { child } of nodes) child.kill('SIGTERM')
  await Promise.all(nodes.map(({ exit }) => exit))
}

describe('two nodes that are watched', () => {
  it('say over HTTP and on their sockets what they do, and nothing of it is left when they stop', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], MANY)
      const alice = startWatched(folder, 'alice')
      const url = await metricsUrl(alice)
      const address = await listening(alice)
      const early = await fetch(`${url}/readyz`)
      expect(early.status).toBe(503)
      expect(((await early.json()) as { reasons: string[] }).reasons).not.toEqual([])
      const joining = await statusOf(folder, 'alice')
      expect(joining).toMatchObject({ code: 0, document: { running: true, ready: false } })

      await setBootstrap(folder, 'bob', address)
      const bob = startNode(folder, 'bob')
      await roundDone(alice, 1)
      const ready = await fetch(`${url}/readyz`)
      expect([ready.status, await ready.json()]).toMatchObject([200, { ok: true, neighboursUp: 1 }])
      expect((await fetch(`${url}/healthz`)).status).toBe(200)
      const metrics = await (await fetch(`${url}/metrics`)).text()
      expect(metrics).toMatch(/^tempered_ready 1$/m)
      expect(metrics).toMatch(/^tempered_neighbours\{state="admitted"\} 1$/m)
      expect(metrics).toMatch(/^tempered_models_total\{outcome="accepted",reason="accepted"\} [1-9]/m)
      // libp2p's own metrics cost something, and are not asked for.
      expect(metrics).not.toMatch(/^libp2p_/m)

      const { document } = await statusOf(folder, 'alice')
      const bobStatus = (await statusOf(folder, 'bob')).document
      expect(document).toMatchObject({ running: true, ready: true, rounds: MANY, members: 2, node: 'alice' })
      expect(document.neighbours).toMatchObject([{ peer: bobStatus.peer, up: true, admitted: true }])
      expect(document.connections).toMatchObject([
        { peer: bobStatus.peer, direction: 'inbound', admitted: true },
      ])
      expect(document.run).toBe(bobStatus.run)
      expect((await callCli(['status', 'alice'], folder)).stdout).toContain(`of ${MANY}, `)

      const examined = await doctorOf(folder, 'bob')
      expect(examined.findings.filter(({ level }) => level === 'problem')).toEqual([])
      expect(examined.of('bootstrap', 'ok').join()).toContain(document.peer)

      await stop(alice, bob)
      for (const node of ['alice', 'bob'])
        await expect(access(join(folder, node, 'state', 'node.sock'))).rejects.toThrow('ENOENT')
      const after = await statusOf(folder, 'alice')
      expect(after.code).toBe(10)
      expect(after.stderr).toContain('tempered node start --config')
      expect(after.document).toMatchObject({ running: false, killed: false })
      expect((await callCli(['status', 'alice'], folder)).stdout).toMatch(/round \d+ of 100000: loss/)
    }))

  it('after kill -9 the status says so, and neither lock nor socket hinders the next start', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], MANY)
      const killed = startNode(folder, 'alice')
      await listening(killed)
      killed.child.kill('SIGKILL')
      await killed.exit
      expect((await stat(join(folder, 'alice', 'state', 'node.sock'))).isSocket()).toBe(true)
      const found = await statusOf(folder, 'alice')
      expect(found).toMatchObject({ code: 10, document: { running: false, killed: true } })
      const alice = startNode(folder, 'alice')
      await listening(alice)
      expect(await statusOf(folder, 'alice')).toMatchObject({ code: 0, document: { phase: 'joining' } })
      await stop(alice)
    }))

  it("with libp2p's own metrics they count what they counted before, and more", () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], MANY)
      await configure(folder, 'alice', '# operate: { http: 127.0.0.1:9464 }', 'operate: { libp2p: true }')
      const alice = startWatched(folder, 'alice')
      const url = await metricsUrl(alice)
      await setBootstrap(folder, 'bob', await listening(alice))
      const bob = startNode(folder, 'bob')
      await roundDone(alice, 1)
      const metrics = await (await fetch(`${url}/metrics`)).text()
      expect(metrics).toMatch(/^libp2p_data_transfer_bytes_total\{protocol="global sent"\} [1-9]/m)
      expect(metrics).toMatch(/^tempered_wire_bytes_total\{direction="sent"\} [1-9]\d{3}/m)
      // Nothing in it may be a peer's to choose.
      expect(metrics).not.toContain('12D3Koo')
      await stop(alice, bob)
    }))
})

describe('a log file', () => {
  it('has the run in every line once it is known, and is opened again at SIGHUP', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], MANY)
      const alice = startWatched(folder, 'alice', '--log-file', 'alice.log')
      const path = join(folder, 'alice.log')
      const has = async (text: string): Promise<void> => {
        while (!(await readFile(path, 'utf8').catch(() => '')).includes(text)) await pause(20)
      }
      await has('"listening"')
      await rename(path, `${path}.1`)
      alice.child.kill('SIGHUP')
      // The node goes on, and what it says next is in the new file.
      await setBootstrap(folder, 'bob', await addressIn(`${path}.1`))
      const bob = startNode(folder, 'bob')
      await roundDone(alice, 0)
      await has('round 1/')
      const { run } = (await statusOf(folder, 'alice')).document
      const lines = (await readFile(path, 'utf8')).trim().split('\n').map(parseJson)
      expect(lines.every((line) => line?.run === run)).toBe(true)
      expect(await readFile(`${path}.1`, 'utf8')).not.toContain('round 1/')
      await stop(alice, bob)
      expect(alice.stderr).toEqual([])
    }))

  it('that cannot be written is an error at the start', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 4)
      const { code, stderr } = await callCli(
        ['node', 'start', '--config', 'alice', '--log-file', 'no/such/folder.log'],
        folder,
      )
      expect([code, stderr]).toEqual([2, expect.stringContaining('no/such/folder.log')])
    }))
})

async function addressIn(path: string): Promise<string> {
  const lines = (await readFile(path, 'utf8')).trim().split('\n').map(parseJson)
  return lines.flatMap((line) => (line?.addresses as string[] | undefined) ?? [])[0]!
}

describe('doctor', () => {
  it('finds what is wrong with a folder, each with a remedy, and changes nothing', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 4)
      const taken = createServer()
      await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
      const { port } = taken.address() as { port: number }
      await configure(folder, 'alice', /tcp\/0/, `tcp/${port}`)
      await configure(folder, 'alice', /source: mnist/, 'source: nowhere.csv')
      // Nobody listens on the discard port.
      await setBootstrap(folder, 'alice', '/ip4/127.0.0.1/tcp/9')
      const before = await readFile(join(folder, 'alice', 'node.yaml'))
      const { code, findings, of } = await doctorOf(folder, 'alice')
      taken.close()
      expect(code).toBe(12)
      expect(of('addresses', 'problem').join()).toContain('another program listens there')
      expect(of('data', 'problem').join()).toContain('nowhere.csv')
      expect(of('bootstrap', 'warning').join()).toContain('nobody listens there')
      expect(of('key', 'ok')).toHaveLength(1)
      for (const { level, remedy } of findings)
        expect(remedy !== null).toBe(level === 'warning' || level === 'problem')
      expect(await readFile(join(folder, 'alice', 'node.yaml'))).toEqual(before)
      await expect(access(join(folder, 'alice', 'state'))).rejects.toThrow('ENOENT')
    }))

  it('names what is wrong with a configuration that cannot be read', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'node.yaml'), 'name: a\nlisten: nonsense\n')
      const { code, of } = await doctorOf(folder, '.')
      expect(code).toBe(12)
      expect(of('configuration', 'problem').join()).toContain('listen')
    }))

  it('hears from a member of another run why it is not admitted, without joining', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 4)
      const alice = startNode(folder, 'alice')
      const address = await listening(alice)
      await callCli(['node', 'init', 'carol', '--bootstrap', address, '--part', '0/2'], folder)
      const stranger = await doctorOf(folder, 'carol')
      expect(stranger.of('run', 'problem').join()).toContain('is not among its members')
      expect(stranger.of('bootstrap', 'problem').join()).toContain('does not admit this node: E_NOT_A_MEMBER')
      await setBootstrap(folder, 'bob', address)
      expect((await doctorOf(folder, 'bob')).of('bootstrap', 'ok').join()).toContain(
        'takes this node for a member',
      )
      const other = (await callCli(['node', 'id', 'carol'], folder)).stdout
      await configure(folder, 'bob', /\/p2p\/\w+/, `/p2p/${other}`)
      expect((await doctorOf(folder, 'bob')).of('bootstrap', 'problem').join()).toContain(
        'another peer is there',
      )
      // Alice took nobody for a neighbour.
      expect(await statusOf(folder, 'alice')).toMatchObject({
        document: { phase: 'joining', neighbours: [{ up: false }] },
      })
      await stop(alice)
    }))
})
