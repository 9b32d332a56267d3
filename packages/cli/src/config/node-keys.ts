import { type Identity, readIdentityFile, readNetworkKey } from '@tempered/node'

/** Key files of a node, as its configuration names them. */
export interface KeyFiles {
  readonly key: string
  readonly network?: { readonly key?: string | undefined }
}

/** The keys that a configuration names. Throws E_KEY. */
export async function readNodeKeys({ key, network }: KeyFiles): Promise<Identity> {
  return inNetwork(await readIdentityFile(key), network?.key)
}

/** An identity in the private network of a key file; as it is without one. Throws E_KEY. */
export async function inNetwork(identity: Identity, path: string | undefined): Promise<Identity> {
  return path === undefined ? identity : { ...identity, networkKey: await readNetworkKey(path) }
}
