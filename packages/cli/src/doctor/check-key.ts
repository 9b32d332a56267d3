import { lstat, readlink } from 'node:fs/promises'
import { errorMessage, type Identity } from '@tempered/node'
import { type KeyFiles, readNodeKeys } from '../config/node-keys.js'
import { type Finding, findingsOf } from './finding.js'

/** The key file: there, an Ed25519 key, the user's own, and closed to others. */
export async function checkKey(config: KeyFiles): Promise<{
  readonly findings: Finding[]
  readonly identity: Identity | undefined
}> {
  const { ok, warning, problem } = findingsOf('key')
  const { key } = config
  let identity: Identity
  try {
    identity = await readNodeKeys(config)
  } catch (error) {
    // These messages say what to do themselves.
    const [what = '', remedy] = errorMessage(error).split(/; (?=run: |create |name )/)
    return {
      findings: [problem(what, remedy ?? 'restore the key from a backup; a new key is a new member')],
      identity: undefined,
    }
  }
  const findings = [ok(`${key} is the key of ${identity.signer.peerId}`)]
  const info = await lstat(key)
  if (info.isSymbolicLink())
    findings.push(
      warning(
        `${key} is a symbolic link to ${await readlink(key)}: whoever may change the link, or the file, chooses the key`,
        'put the key itself there',
      ),
    )
  const user = process.getuid?.()
  if (user !== undefined && !info.isSymbolicLink() && info.uid !== user && user !== 0)
    findings.push(
      warning(
        `${key} belongs to user ${info.uid}, not to ${user}, who asks`,
        `chown it to the user of the node`,
      ),
    )
  return { findings, identity }
}
