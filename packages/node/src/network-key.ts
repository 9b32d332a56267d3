import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { errorMessage, NodeError } from './errors.js'
import { writeNewFile } from './ledger/new-file.js'

/**
 * The pre-shared key of a private network: 32 bytes that all its nodes have. Whoever lacks it gets no connection: it cannot even
 * see that a node of Tempered listens. The file is that of libp2p and IPFS (`swarm.key`; specs/pnet).
 */
const FORMAT = /^\/key\/swarm\/psk\/1\.0\.0\/\r?\n\/base16\/\r?\n([0-9a-fA-F]{64})\s*$/

/** Throws E_KEY when it is missing or of another format. */
export async function readNetworkKey(path: string): Promise<Uint8Array> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new NodeError('E_KEY', `network key ${path}: ${errorMessage(error)}`, { path }, error)
  }
  const hex = FORMAT.exec(text)?.[1]
  if (hex === undefined)
    throw new NodeError(
      'E_KEY',
      `network key ${path}: not a key of a private network (three lines: /key/swarm/psk/1.0.0/, /base16/, 64 digits); make one with tempered node network-key, or copy that of another node`,
      { path },
    )
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

/** Makes a key file (mode 0600). Throws E_KEY when the file is there, or cannot be written. */
export async function createNetworkKey(path: string): Promise<void> {
  const text = networkKeyText(randomBytes(32))
  try {
    if (await writeNewFile(path, [new TextEncoder().encode(text)], 0o600)) return
    throw new Error('already exists; a key is never overwritten')
  } catch (error) {
    throw new NodeError('E_KEY', `network key ${path}: ${errorMessage(error)}`, { path }, error)
  }
}

const networkKeyText = (key: Uint8Array): string =>
  `/key/swarm/psk/1.0.0/\n/base16/\n${Buffer.from(key).toString('hex')}\n`

/** What libp2p needs to be in the private network; nothing without a key. */
export async function privateNetwork(key: Uint8Array | undefined) {
  if (key === undefined) return {}
  const { preSharedKey } = await import('@libp2p/pnet')
  return { connectionProtector: preSharedKey({ psk: new TextEncoder().encode(networkKeyText(key)) }) }
}
