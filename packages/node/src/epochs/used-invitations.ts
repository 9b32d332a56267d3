import { readFile } from 'node:fs/promises'
import { peerIdField } from '@tempered/protocol'
import { z } from 'zod'
import { errorMessage, NodeError } from '../errors.js'
import { writeFileAtomic } from '../files.js'

/** Which of this node's invitations were used, and by whom: each is for one member. */
export interface UsedInvitations {
  /** On disk before it resolves. Throws E_INVITATION when somebody else has used it, E_STATE_CORRUPT, E_IO. */
  use(nonce: string, peer: string): Promise<void>
}

export const INVITATIONS_FILE = 'invitations.json'

const schema = z.strictObject({
  version: z.literal(1),
  used: z.record(z.string().regex(/^[0-9a-f]{32}$/), peerIdField),
})

export function createInvitationFile(path: string): UsedInvitations {
  let turn: Promise<unknown> = Promise.resolve()
  const use = async (nonce: string, peer: string): Promise<void> => {
    const used = await read(path)
    if (used[nonce] === peer) return
    if (used[nonce] !== undefined)
      throw new NodeError('E_INVITATION', `the invitation was used by ${used[nonce]}; ask for another one`)
    await writeFileAtomic(
      path,
      `${JSON.stringify({ version: 1, used: { ...used, [nonce]: peer } }, null, 2)}\n`,
    )
  }
  return {
    use(nonce, peer) {
      const done = turn.catch(() => undefined).then(() => use(nonce, peer))
      turn = done
      return done
    },
  }
}

async function read(path: string): Promise<Readonly<Record<string, string>>> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new NodeError('E_IO', `${path}: ${errorMessage(error)}`, { path }, error)
  }
  try {
    return schema.parse(JSON.parse(text)).used
  } catch (error) {
    throw new NodeError(
      'E_STATE_CORRUPT',
      `${path}: ${errorMessage(error)}; delete it: invitations that were used can then be used again until they expire`,
      { path },
      error,
    )
  }
}

export function createMemoryInvitations(): UsedInvitations {
  const used = new Map<string, string>()
  return {
    async use(nonce, peer) {
      const by = used.get(nonce) ?? peer
      if (by !== peer)
        throw new NodeError('E_INVITATION', `the invitation was used by ${by}; ask for another one`)
      used.set(nonce, peer)
    },
  }
}
