import type { Run } from '@tempered/protocol'
import { type Clock, systemClock } from '../../src/clock.js'
import { forgetfulBanStore } from '../../src/guard/bans.js'
import { createNodeGuard, type NodeGuard } from '../../src/guard/node-guard.js'
import { type Logger, silentLogger } from '../../src/logger.js'

/** The guard of a node in `run` that reaches everybody and forgets its bans; stop it at the end. */
export function openGuard(
  run: Run,
  { clock = systemClock, logger = silentLogger }: { readonly clock?: Clock; readonly logger?: Logger } = {},
): Promise<NodeGuard> {
  return createNodeGuard({
    run,
    clock,
    logger,
    bans: forgetfulBanStore,
    isReachable: () => true,
    hangUp: () => undefined,
  })
}
