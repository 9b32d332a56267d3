import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { PROTOCOL_VERSION } from '@tempered/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { configure, listening, setBootstrap } from '../../support/node-pair.js'
import { inTemporaryFolder, MAIN, parseJson, startProcess } from '../../support/run-cli.js'

const ROOT = fileURLToPath(new URL('../../../../..', import.meta.url))
const NAMES = ['alice', 'bob', 'carol'] as const

/** The newest tagged version that this one comes after; undefined in a copy without history or before the first tag. */
function lastTag(): string | undefined {
  const { status, stdout } = spawnSync('git', ['describe', '--tags', '--abbrev=0', '--match', 'v[0-9]*'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  return status === 0 ? stdout.trim() : undefined
}

const start = (main: string, args: readonly string[], folder: string) =>
  startProcess(process.execPath, [main, ...args], folder)
type Process = ReturnType<typeof start>

async function succeed(command: string, args: readonly string[], folder: string): Promise<string> {
  const process = startProcess(command, args, folder)
  const code = await process.exit
  if (code !== 0)
    throw new Error(
      `${command} ${args.join(' ')}: ${code}\n${[...process.stdout, ...process.stderr].join('\n')}`,
    )
  return process.stdout.join('\n')
}

/** Nodes of an open-ended run that the version of `main` has set up. */
async function initRun(main: string, folder: string): Promise<void> {
  const tempered = (...args: string[]) => succeed(process.execPath, [main, ...args], folder)
  for (const [k, name] of NAMES.entries())
    await tempered('node', 'init', name, '--listen', '/ip4/127.0.0.1/tcp/0', '--part', `${k}/3`)
  const members = NAMES.flatMap((name) => ['--member', name])
  await tempered(
    'manifest',
    'create',
    ...members,
    '--model',
    'softmax',
    '--local-steps',
    '5',
    '--rounds',
    'open',
  )
}

interface RoundLine {
  readonly round?: number
  readonly neighbours?: readonly { readonly arrival: number | null }[]
}

/** Resolves once the node closes a round with the models of both others, of those that it closes from now on. */
function togetherFromNow(node: Process): Promise<true> {
  const seen = node.stdout.length
  return node.line('stdout', (line) => {
    if (node.stdout.indexOf(line) < seen) return undefined
    const { neighbours } = (parseJson(line) ?? {}) as RoundLine
    return neighbours?.length === 2 && neighbours.every(({ arrival }) => arrival !== null) ? true : undefined
  })
}

const tag = lastTag()

describe.skipIf(tag === undefined)(`nodes of the last tagged version, ${tag}, and of this one`, () => {
  let folder = ''
  let leave = (): void => undefined
  let left: Promise<void> = Promise.resolve()
  let old = ''
  let oldProtocol = 0
  const nodes = new Set<Process>()

  beforeAll(async () => {
    folder = await new Promise<string>((resolve, reject) => {
      left = inTemporaryFolder(async (path) => {
        resolve(path)
        await new Promise<void>((done) => {
          leave = done
        })
      }).catch(reject) as Promise<void>
    })
    const source = join(folder, 'old')
    const archive = spawnSync('git', ['archive', '--format=tar', '--prefix=old/', tag!], {
      cwd: ROOT,
      maxBuffer: 1024 ** 3,
    })
    expect(archive.status, archive.stderr.toString()).toBe(0)
    expect(spawnSync('tar', ['-x', '-C', folder], { input: archive.stdout }).status).toBe(0)
    await succeed(process.execPath, [join(source, 'scripts/setup.mjs')], source)
    old = join(source, 'packages/cli/dist/main.js')
    const protocol = pathToFileURL(join(source, 'packages/protocol/dist/index.js')).href
    oldProtocol = ((await import(protocol)) as { PROTOCOL_VERSION: number }).PROTOCOL_VERSION
  })
  afterAll(async () => {
    for (const node of nodes) node.child.kill('SIGKILL')
    leave()
    await left
  })

  const startNode = (main: string, name: string, state: string): Process => {
    const node = start(main, ['node', 'start', '--config', name, '--json'], state)
    nodes.add(node)
    return node
  }
  const stop = async (node: Process): Promise<void> => {
    node.child.kill('SIGTERM')
    expect(await node.exit).toBe(143)
  }

  it('train together while one after the other is updated, and both versions verify all ledgers', async (test) => {
    if (oldProtocol !== PROTOCOL_VERSION) test.skip(`${tag} speaks protocol ${oldProtocol}`)
    const run = join(folder, 'run')
    await succeed('mkdir', [run], folder)
    await initRun(old, run)
    const all: Process[] = [startNode(old, 'alice', run)]
    const address = await listening(all[0]!)
    // Alice must be found again where she was.
    await configure(run, 'alice', '/ip4/127.0.0.1/tcp/0', address.replace(/\/p2p\/.*/, ''))
    for (const name of ['bob', 'carol']) {
      await setBootstrap(run, name, address)
      all.push(startNode(old, name, run))
    }
    await Promise.all(all.map(togetherFromNow))
    for (const [k, name] of NAMES.entries()) {
      await stop(all[k]!)
      all[k] = startNode(MAIN, name, run)
      await Promise.all(all.map(togetherFromNow))
    }
    await Promise.all(all.map(stop))
    const ledgers = NAMES.map((name) => join(name, 'state'))
    for (const main of [old, MAIN])
      await succeed(process.execPath, [main, 'ledger', 'verify', ...ledgers], run)
    // A node of the old version goes on with what the new one has written, too.
    const [alice, bob] = [startNode(old, 'alice', run), startNode(MAIN, 'bob', run)]
    const carol = startNode(MAIN, 'carol', run)
    await Promise.all([alice, bob, carol].map(togetherFromNow))
    await Promise.all([alice, bob, carol].map(stop))
    await succeed(process.execPath, [MAIN, 'ledger', 'verify', ...ledgers], run)
  })

  it('tell each other which of them to update where they cannot talk', async (test) => {
    if (oldProtocol === PROTOCOL_VERSION) test.skip(`${tag} speaks protocol ${oldProtocol} too`)
    const run = join(folder, 'apart')
    await succeed('mkdir', [run], folder)
    await initRun(old, run)
    const alice = startNode(old, 'alice', run)
    const address = await listening(alice)
    await setBootstrap(run, 'bob', address)
    const bob = startNode(MAIN, 'bob', run)
    for (const node of [alice, bob])
      await node.line('stderr', (line) =>
        line.includes('E_UNSUPPORTED_VERSION') && line.includes('run the same version on both')
          ? true
          : undefined,
      )
    await Promise.all([alice, bob].map(stop))
  })
})
