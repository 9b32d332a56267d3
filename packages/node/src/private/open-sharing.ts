import type { Evidence, Run } from '@tempered/protocol'
import { checkPrivacy } from '@tempered/secagg'
import type { Clock } from '../clock.js'
import { NodeError } from '../errors.js'
import { type Failpoints, noFailpoints } from '../failpoints.js'
import type { Identity } from '../identity-file.js'
import type { Logger } from '../logger.js'
import type { Notice } from '../round/state.js'
import type { NodeState } from '../state/node-state.js'
import type { RunNetwork } from '../transport/network.js'
import { createModelSharing, type ModelSharing } from './model-sharing.js'
import type { PrivateDeviation } from './private-deviation.js'
import { PrivateExchange } from './private-exchange.js'
import { PRIVATE_FILE } from './private-store.js'

export interface OpenedSharing {
  readonly exchange: PrivateExchange
  readonly sharing: ModelSharing
}

export interface OpenSharingComponents {
  readonly clock: Clock
  readonly logger: Logger
  readonly failpoints?: Failpoints
}

export interface OpenSharingInit {
  readonly run: Run
  readonly identity: Identity
  readonly network: RunNetwork
  readonly state: Pick<NodeState, 'blobs' | 'ledger' | 'openPrivate' | 'pending'>
  readonly initial: Float32Array
  readonly deviation: PrivateDeviation | undefined
  onShare?: ((round: number, model: Float32Array) => void) | undefined
  onContradiction(evidence: Evidence): void
  onNotice(notice: Notice): void
  onError(error: unknown): void
}

/** Does nothing for a run that is not private. Throws SecaggError E_SHARING_PARAMS, RobustAggError. */
export function checkPrivateRun(run: Run): void {
  const { privacy, members, seed, model, chain, contribution, differentialPrivacy } = run.manifest
  if (privacy === undefined) return
  checkPrivacy({
    ...{ privacy, seed },
    members: members.length,
    parameterCount: model.parameterCount,
    hasChain: chain !== undefined,
    hasContribution: contribution !== undefined,
    sharedAmong: differentialPrivacy?.sharedAmong,
  })
}

/** Puts together what a node of a private run needs; undefined for other runs. Throws SecaggError, RobustAggError, E_STATE_CORRUPT. */
export async function openSharing(
  { clock, logger, failpoints = noFailpoints }: OpenSharingComponents,
  init: OpenSharingInit,
): Promise<OpenedSharing | undefined> {
  const { run, identity, network, state, initial, deviation } = init
  if (run.manifest.privacy === undefined) return undefined
  checkPrivateRun(run)
  const store = await state.openPrivate()
  if (store.isNew && state.ledger.length > 0)
    throw new NodeError(
      'E_STATE_CORRUPT',
      `${PRIVATE_FILE} is missing from the state folder, which has ${state.ledger.length} ledger entries: without it this node could deal a second time in a round and be convicted; restore it from a copy`,
    )
  const exchange = new PrivateExchange(
    {
      ...{ run, identity, network, store, clock, initial, deviation, failpoints },
      logger: logger.child({ component: 'private' }),
    },
    {
      onContradiction: init.onContradiction,
      onShortened: (round, part) => init.onNotice({ kind: 'shortened', round, part }),
      onNoSum: (round, reason) => init.onNotice({ kind: 'no-sum', round, reason }),
      onError: init.onError,
    },
  )
  const pendingRound = state.pending?.announcement.body.round
  return {
    exchange,
    sharing: createModelSharing(
      { exchange, blobs: state.blobs, store, ...(init.onShare && { onShare: init.onShare }) },
      pendingRound,
    ),
  }
}
