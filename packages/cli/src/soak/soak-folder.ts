import { randomInt } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import {
  createIdentityFile,
  createRunManifest,
  type Identity,
  randomIdentity,
  writeFileAtomic,
} from '@tempered/node'
import type { Run } from '@tempered/protocol'
import { nodeTemplate } from '../config/node-template.js'
import { createSoakNode, type SoakNode } from './soak-node.js'

/** The nodes of a soak on loopback, in folders of their own, and a member whose key attackers have. */
export interface SoakCluster {
  readonly run: Run
  readonly nodes: readonly SoakNode[]
  /** Peer id and ports of each. */
  readonly places: readonly { readonly peer: string; readonly port: number }[]
  readonly idle: Identity
}

/** More rounds than any soak lasts. */
const ROUNDS = 1_000_000
/** So many rounds fit into a second that disks and logs do not fill. */
const TRAINING = { rounds: ROUNDS, localSteps: 4, batchSize: 32 }
/** Short, since the nodes of a soak share a machine and die often. */
const DEADLINES = {
  joinMs: 20_000,
  collectMs: 4_000,
  dialMs: 8_000,
  firstByteMs: 4_000,
  transferMs: 15_000,
  reconnectMs: 2_000,
}

export async function createSoakCluster(folder: string, count: number, seed: number): Promise<SoakCluster> {
  const ports = await freePorts(2 * count)
  const identities: Identity[] = []
  for (let k = 0; k < count; k++) {
    await mkdir(join(folder, `n${k}`), { recursive: true })
    identities.push(await createIdentityFile(join(folder, `n${k}`, 'identity.key')))
  }
  const idle = randomIdentity()
  const run = createRunManifest({
    members: [...identities, idle].map(({ signer }) => signer.peerId),
    name: 'soak',
    seed,
    model: 'softmax',
    training: TRAINING,
    deadlines: DEADLINES,
  })
  await writeFileAtomic(join(folder, 'manifest.json'), `${JSON.stringify(run.manifest, null, 2)}\n`)
  const nodes: SoakNode[] = []
  for (let k = 0; k < count; k++) {
    const text = nodeTemplate({
      name: `n${k}`,
      listen: [`/ip4/127.0.0.1/tcp/${ports[k]}`],
      bootstrap: [0, 1].filter((other) => other !== k).map((other) => `/ip4/127.0.0.1/tcp/${ports[other]}`),
      mdns: false,
      manifest: { file: '../manifest.json' },
      part: k,
      parts: count,
    })
    await writeFile(join(folder, `n${k}`, 'node.yaml'), text.replace('every: 1\n', 'every: 50\n'))
    nodes.push(createSoakNode(`n${k}`, join(folder, `n${k}`), ports[count + k]!))
  }
  return {
    run,
    nodes,
    places: identities.map(({ signer }, k) => ({ peer: signer.peerId, port: ports[k]! })),
    idle,
  }
}

/** Systems take ports of connections that somebody makes from above: such a port could be gone while its node is down. */
const PORTS = { from: 20_000, below: 32_768 }
const MOST_TRIES = 1_000

/** Ports of 127.0.0.1 that nobody listens on at this moment, and that no connection takes by itself. */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  for (let tries = 0; ports.size < count; tries++) {
    if (tries === MOST_TRIES) throw new Error('127.0.0.1 has too few free ports between 20000 and 32767')
    const port = randomInt(PORTS.from, PORTS.below)
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
