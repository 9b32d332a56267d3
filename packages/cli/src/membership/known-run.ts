import { join } from 'node:path'
import { CHANGES_FILE, createChangeFile, openMembership, silentLogger } from '@tempered/node'
import type { Run } from '@tempered/protocol'

/** A run after all changes that the state folder of a node knows, also such that have not come into force. Throws E_STATE_CORRUPT. */
export async function knownRun(run: Run, state: string): Promise<Run> {
  const membership = await openMembership(run, createChangeFile(join(state, CHANGES_FILE)), silentLogger)
  return membership.at(Number.MAX_SAFE_INTEGER)
}
