import { copyFile, mkdir, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  CHANGES_FILE,
  createChangeFile,
  type Identity,
  LEDGER_FILE,
  ledgerEntries,
  type Membership,
  readIdentityFile,
} from '@tempered/node'
import type { NodeConfig } from '../config/node-config.js'

/** Where the key is that takes the place of a node's own one. */
export const nextKeyPath = (key: string): string => join(dirname(key), `${baseName(key)}.next.key`)

/** What is kept of the state for the new key, besides the changes of the run. */
const KEPT = ['data-commitment.json', 'bans.json', 'invitations.json', 'addresses.json']

/**
 * Puts the new key in the place of the old one, of which a copy stays, and begins a state for it; the old state stays beside
 * it. Undefined when there is no such key. Each step can be done again after a crash (`finishRotation`).
 */
export async function takeNextKey(
  config: Pick<NodeConfig, 'key' | 'state'>,
  old: Identity,
  successor: string,
  membership: Membership,
): Promise<Identity | undefined> {
  const next = await readIdentityFile(nextKeyPath(config.key)).catch(() => undefined)
  if (next?.signer.peerId !== successor) return undefined
  const name = old.signer.peerId.slice(-8)
  const fresh = `${config.state}.next`
  await mkdir(fresh, { recursive: true })
  for (const file of KEPT) await copyFile(join(config.state, file), join(fresh, file)).catch(() => undefined)
  await createChangeFile(join(fresh, CHANGES_FILE)).save(
    membership.base,
    [...membership.decided.map(({ message }) => message), ...membership.pending].map(({ bytes }) => bytes),
  )
  await copyFile(config.key, join(dirname(config.key), `${baseName(config.key)}.${name}.key`))
  // From here on the node is the new one.
  await rename(nextKeyPath(config.key), config.key)
  await rename(config.state, `${config.state}-${name}`)
  await rename(fresh, config.state)
  return next
}

/** Ends what a crash has left half done: the new key is in its place, but its state is not. */
export async function finishRotation({ key, state }: Pick<NodeConfig, 'key' | 'state'>): Promise<void> {
  const fresh = `${state}.next`
  const [isFresh, isNext] = await Promise.all([exists(fresh), exists(nextKeyPath(key))])
  if (!isFresh || isNext) return
  if (await exists(state)) {
    const author = await authorOf(state)
    if (author !== undefined) await rename(state, `${state}-${author.slice(-8)}`)
  }
  if (!(await exists(state))) await rename(fresh, state)
}

async function authorOf(state: string): Promise<string | undefined> {
  try {
    for await (const { body } of ledgerEntries(join(state, LEDGER_FILE))) return body.author
  } catch {
    // Opening the state says what is wrong with it.
  }
  return undefined
}

function baseName(key: string): string {
  return key
    .split('/')
    .at(-1)!
    .replace(/\.key$/, '')
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
