import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readIdentityFile } from '@tempered/node'
import { loadNodeConfig, NODE_CONFIG_FILE } from '../config/node-config.js'

/** `tempered node id`: the peer id of a node folder or key file, on stdout. */
export async function nodeId(path: string): Promise<void> {
  process.stdout.write(`${await peerIdOf(path)}\n`)
}

/** Peer id of a node folder (the `key` of its configuration, or its `identity.key`) or of a key file. Throws E_KEY. */
export async function peerIdOf(path: string): Promise<string> {
  const identity = await readIdentityFile(await keyFileOf(path))
  return identity.signer.peerId
}

async function keyFileOf(path: string): Promise<string> {
  const info = await stat(path).catch(() => undefined)
  if (!info?.isDirectory()) return path
  const config = join(path, NODE_CONFIG_FILE)
  return existsSync(config) ? (await loadNodeConfig(path)).key : join(path, 'identity.key')
}
