import { randomBytes } from 'node:crypto'
import { link, open, readFile, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { privateKeyFromProtobuf, privateKeyFromRaw, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { createSigner, publicKeyFromPeerId, type Signer } from '@tempered/protocol'
import { errorMessage, NodeError } from './errors.js'
import { syncDirectory } from './files.js'

/** A node's keys: the seed for libp2p, the signer for all its messages, both Ed25519, and that of its private network. */
export interface Identity {
  /** 32 bytes; secret. */
  readonly seed: Uint8Array
  readonly signer: Signer
  /** Pre-shared key of the private network that the node is in, 32 bytes; undefined for none. */
  readonly networkKey?: Uint8Array | undefined
}

export function identityFromSeed(seed: Uint8Array): Identity {
  return { seed, signer: createSigner(seed) }
}

export function randomIdentity(): Identity {
  return identityFromSeed(randomBytes(32))
}

/**
 * Creates a key file (libp2p's protobuf private key, mode 0600), for a new identity unless one is given. Throws E_KEY
 * when the file already exists.
 */
export async function createIdentityFile(path: string, identity = randomIdentity()): Promise<Identity> {
  const raw = new Uint8Array(64)
  raw.set(identity.seed)
  raw.set(publicKeyFromPeerId(identity.signer.peerId), 32)
  // Written under another name, then linked into place: a link never replaces an existing file.
  const draft = `${path}.${process.pid}.tmp`
  try {
    const file = await open(draft, 'w', 0o600)
    try {
      await file.writeFile(privateKeyToProtobuf(privateKeyFromRaw(raw)))
      await file.chmod(0o600)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(draft, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST'
    const what = exists ? 'already exists; a key is never overwritten' : errorMessage(error)
    throw new NodeError('E_KEY', `key file ${path}: ${what}`, { path }, error)
  } finally {
    await unlink(draft).catch(() => undefined)
  }
  return identity
}

/** Reads a key file. Throws E_KEY when it is missing, not an Ed25519 key, or open to others. */
export async function readIdentityFile(path: string): Promise<Identity> {
  let bytes: Uint8Array
  let mode: number
  try {
    const info = await stat(path)
    if (info.isDirectory())
      throw new NodeError('E_KEY', `key file ${path}: this is a folder; name the key file in it`, { path })
    mode = info.mode
    bytes = await readFile(path)
  } catch (error) {
    if (error instanceof NodeError) throw error
    // A key that is there is not to be replaced: it is the node's membership.
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const advice = isMissing ? '; create one with: tempered node init' : ''
    throw new NodeError('E_KEY', `key file ${path}: ${errorMessage(error)}${advice}`, { path }, error)
  }
  const identity = identityIn(bytes)
  if (identity === undefined)
    throw new NodeError(
      'E_KEY',
      `key file ${path} contains no Ed25519 private key; create one with: tempered node init`,
      { path },
    )
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    const octal = (mode & 0o777).toString(8).padStart(4, '0')
    throw new NodeError(
      'E_KEY',
      `key file ${path} has mode ${octal}, so others can read it; run: chmod 600 ${path}`,
      { path },
    )
  }
  return identity
}

function identityIn(bytes: Uint8Array): Identity | undefined {
  try {
    const key = privateKeyFromProtobuf(bytes)
    return key.type === 'Ed25519' ? identityFromSeed(key.raw.slice(0, 32)) : undefined
  } catch {
    return undefined
  }
}
