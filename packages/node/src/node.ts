import { join } from 'node:path'
import { type ChangeMessage, type Evidence, isChangeable } from '@tempered/protocol'
import { openEpochNode } from './epoch-node.js'
import { CHANGES_FILE, createChangeFile, createMemoryChanges } from './epochs/change-store.js'
import { openMembership } from './epochs/membership.js'
import { signsByItself } from './epochs/own-affairs.js'
import { samePorts } from './epochs/same-ports.js'
import { successorOf } from './epochs/successor.js'
import { NodeError } from './errors.js'
import type { NodeEvents } from './node-events.js'
import type { NodeComponents, NodeInit } from './node-parts.js'
import { createActivity } from './operate/activity.js'
import type { RoundsEnd } from './round/engine.js'
import type { EpochNode, TemperedNode } from './running-node.js'
import { openFolderStores } from './state/folder-stores.js'
import { openNodeDisk } from './state/node-state.js'

/**
 * Opens a node of a run. Members, rounds and deadlines of the run may change while it goes on; each set of them is an epoch.
 * A node lives through one epoch after the other: at the end of each its rounds and its network end as for a stop, and begin
 * again for the next one, on the same storage and with the same trainer. So a change is as safe as a restart.
 *
 * Throws NodeError, ProtocolError, RobustAggError.
 */
export async function createNode(
  components: NodeComponents,
  init: NodeInit,
  given: NodeEvents = {},
): Promise<TemperedNode> {
  const { logger } = components
  const membership = await openMembership(init.run, changesOf(components, init), logger)
  const activity = createActivity(components.clock)
  const events = activity.watchEvents(given)
  const reported = new Set<string>()
  const openDisk = async ({
    identity: { signer },
    stateFolder,
    initialParameters,
    diskBudgetBytes,
  }: NodeInit) =>
    openNodeDisk(
      {
        ...{ run: membership.base, membership, signer, initialParameters, diskBudgetBytes },
        stores: (await components.openStores?.()) ?? (await openFolderStores(stateFolder)),
      },
      logger,
    )
  let disk = await openDisk(init)
  const open = (parts: NodeInit, notBefore: number, awaited?: ReadonlySet<string>): Promise<EpochNode> =>
    openEpochNode(components, parts, {
      ...{ disk, membership, activity, events, notBefore, awaited },
      reportEvidence(evidence: Evidence) {
        if (reported.has(evidence.offender)) return
        reported.add(evidence.offender)
        events.onEvidence?.(evidence)
      },
    })

  let parts = init
  /** What the node goes on with when its key is none of a member's any more; undefined when it has no other one. */
  const succeed = async (): Promise<boolean> => {
    const successor = successorOf(membership, parts.identity.signer.peerId)
    if (successor === undefined || init.succeed === undefined) return false
    await disk.close()
    const changed = await init.succeed(successor, membership)
    if (changed === undefined) return false
    parts = { ...parts, ...changed }
    disk = await openDisk(parts)
    return true
  }
  let node = await open(parts, 0)
    .catch(async (error: unknown) => {
      // It was stopped before the change that replaced its key had come into force.
      if (error instanceof NodeError && error.details.left === true && (await succeed()))
        return open(parts, 0)
      throw error
    })
    .catch(async (error: unknown) => {
      await disk.close()
      throw error
    })
  const first = node
  const links = createLinks()
  let stopped: Promise<void> | undefined
  /** What others say of themselves, and this node has only to witness. */
  const signOwnAffair = (message: ChangeMessage): void => {
    const { signer } = parts.identity
    if (stopped === undefined && signsByItself(message, membership, signer.peerId))
      membership.countersign(message, signer)
  }
  membership.onNews((message, offer) => {
    const { cid, change, approvals } = message
    const details = {
      change: cid.toString(),
      amendment: change.amendment,
      from: change.from,
      signed: approvals.length,
    }
    logger.info(
      details,
      offer === 'decided' ? 'a change of the run is decided' : 'a change of the run waits for signatures',
    )
    events.onChange?.(message, offer === 'decided')
    if (offer === 'pending') signOwnAffair(message)
  })

  /** Opens the node for the next epoch; undefined when it is no member any more, or was stopped. */
  const enter = async (round: number): Promise<EpochNode | undefined> => {
    const self = parts.identity.signer.peerId
    const next = membership.at(round)
    if (!next.memberIndex.has(self)) {
      if (!(await succeed())) {
        logger.warn({ round }, `this node is no member of the run any more from round ${round + 1} on`)
        events.onLeft?.(round)
        return undefined
      }
    }
    if (stopped !== undefined) return undefined
    const listen = samePorts(init.listen, node.lastAddresses())
    const opened = await open({ ...parts, listen }, round, node.liveNeighbours())
    links.apply(opened)
    const { members, training } = opened.view.manifest
    logger.info(
      {
        round: opened.firstRound,
        epoch: opened.view.epoch?.toString(),
        members: members.length,
        rounds: training.rounds,
      },
      'the run goes on in another epoch',
    )
    events.onEpoch?.(opened.view, opened.firstRound)
    return opened
  }

  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      await node.stop()
      await disk.close()
    })()
    return stopped
  }

  return {
    get peerId() {
      return node.peerId
    },
    firstRound: first.firstRound,
    membership,
    get common() {
      return node.common
    },
    addresses: () => node.addresses(),
    learnAddresses: (peer, addresses) => node.learnAddresses(peer, addresses),
    setReachable(peer, reachable) {
      links.set(peer, reachable)
      node.setReachable(peer, reachable)
    },
    status: () => node.status(),
    accuse: (evidence, blobs) => node.accuse(evidence, blobs),
    async run() {
      for (const message of membership.pending) signOwnAffair(message)
      try {
        for (;;) {
          const end: RoundsEnd = await node.run()
          if (end.nextRound === undefined || stopped !== undefined) return
          const next = await enter(end.nextRound).catch((error: unknown) => {
            // A stop closes the storage under what is being opened.
            if (stopped === undefined) throw error
            return undefined
          })
          if (next === undefined) return
          node = next
          // Stopped while it was being opened.
          if (stopped !== undefined) return
        }
      } finally {
        await stop()
      }
    },
    stop,
  }
}

function changesOf({ changes, openStores }: NodeComponents, { run, stateFolder }: NodeInit) {
  if (changes !== undefined) return changes
  return openStores !== undefined || !isChangeable(run)
    ? createMemoryChanges()
    : createChangeFile(join(stateFolder, CHANGES_FILE))
}

/** Links that were cut stay cut in the next epoch. */
function createLinks() {
  const cut = new Set<string>()
  return {
    set(peer: string, reachable: boolean): void {
      if (reachable) cut.delete(peer)
      else cut.add(peer)
    },
    apply(node: EpochNode): void {
      for (const peer of cut) node.setReachable(peer, false)
    },
  }
}
