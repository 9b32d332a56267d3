import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createIdentityFile } from '@tempered/node'
import { stringify } from 'yaml'
import { NODE_CONFIG_FILE } from '../config/node-config.js'
import { ATTACK_FILE, type AttackFile } from '../machines/attack-file.js'
import { type AccountKey, createAccountFile } from './account-file.js'

/** A node of the demonstration, in a folder of its own. */
export interface DemoNode {
  readonly name: string
  readonly folder: string
  readonly key: AccountKey
  readonly attack: AttackFile | undefined
}

export interface DemoPlace {
  readonly folder: string
  readonly rpc: string
  readonly chainId: number
  /** File of the contracts. */
  readonly contracts: string
}

/** Writes the folder of a node: its two keys, its configuration and, for a liar, its attack. */
export async function writeDemoNode(
  place: DemoPlace,
  node: DemoNode,
  part: number,
  parts: number,
): Promise<void> {
  await mkdir(node.folder, { recursive: true })
  await createIdentityFile(join(node.folder, 'identity.key'))
  await createAccountFile(join(node.folder, 'account.key'), node.key)
  const config = {
    name: node.name,
    listen: [`/ip4/127.0.0.1/tcp/${await freePort()}`],
    data: { source: 'mnist', split: { kind: 'label-groups', h: 0.4 }, part, parts, seed: 1 },
    settlement: {
      rpc: place.rpc,
      chainId: place.chainId,
      contracts: place.contracts,
      key: 'account.key',
      anchorEvery: 5,
      confirmations: 1,
    },
  }
  await writeFile(join(node.folder, NODE_CONFIG_FILE), stringify(config))
  if (node.attack !== undefined) await writeFile(join(node.folder, ATTACK_FILE), stringify(node.attack))
}

/** A node as a process of its own, whose log goes to a file. */
export interface RunningDemoNode {
  readonly name: string
  /** Rejects if it ends by itself. */
  readonly failed: Promise<never>
  stop(): Promise<void>
}

export function startDemoNode({ name, folder, attack }: DemoNode, backend: string): RunningDemoNode {
  const command = attack === undefined ? ['node', 'start'] : ['scenario', 'node']
  const child: ChildProcess = spawn(
    process.execPath,
    [process.argv[1]!, ...command, '--serve-jobs', '--config', folder, '--backend', backend],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  child.stderr!.pipe(createWriteStream(join(folder, 'log.ndjson')))
  let isStopped = false
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject)
    ended.then((code) => {
      if (!isStopped) reject(new Error(`${name} exited with code ${code}; see ${join(folder, 'log.ndjson')}`))
    })
  })
  failed.catch(() => undefined)
  return {
    name,
    failed,
    async stop() {
      isStopped = true
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** A port that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return typeof address === 'object' && address !== null ? address.port : 0
}
