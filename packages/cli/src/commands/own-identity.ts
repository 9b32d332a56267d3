import { existsSync } from 'node:fs'
import { createIdentityFile, type Identity, readIdentityFile } from '@tempered/node'

/** The identity in a key file, which is made if it is not there. Throws E_KEY. */
export function ownIdentity(path: string): Promise<Identity> {
  return existsSync(path) ? readIdentityFile(path) : createIdentityFile(path)
}
