import type { Run } from '@tempered/protocol'
import { createMemoryChanges } from '../../src/epochs/change-store.js'
import { createMembership, type Membership } from '../../src/epochs/membership.js'
import { silentLogger } from '../../src/logger.js'

/** What a node knows of the changes of a run, which are kept nowhere. */
export const freshMembership = (run: Run): Membership =>
  createMembership(run, createMemoryChanges(), [], silentLogger)
