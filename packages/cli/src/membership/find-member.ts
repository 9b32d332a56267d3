import { CliError } from '../errors.js'
import type { ChangesDocument } from './changes-document.js'

/** The member whose peer id this is, or ends so. Throws E_USAGE unless there is exactly one. */
export function findMember({ members }: Pick<ChangesDocument, 'members'>, peer: string): string {
  const found = members.filter((member) => member.endsWith(peer.replace(/^…/, '')))
  if (found.length === 1) return found[0]!
  throw new CliError(
    'E_USAGE',
    found.length === 0
      ? `${peer} is not a member; the members are ${members.join(', ')}`
      : `${peer} fits ${found.length} members; give more of the peer id`,
  )
}
