import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readIdentityFile } from '@tempered/node'

/** `tempered node id`: the peer id of a node folder or key file, on stdout. */
export async function nodeId(path: string): Promise<void> {
  process.stdout.write(`${await peerIdOf(path)}\n`)
}

/** Peer id of a node folder (its `identity.key`) or of a key file. Throws E_KEY. */
export async function peerIdOf(path: string): Promise<string> {
  const isFolder = await stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  )
  const identity = await readIdentityFile(isFolder ? join(path, 'identity.key') : path)
  return identity.signer.peerId
}
