import type { TemperedNode } from '@tempered/node'
import { encodeModel } from '@tempered/protocol'
import { nodeFailed } from '../events/node-failure.js'
import { reportedRound } from '../events/reported-round.js'
import { afterFault, type Conditions, calm } from '../faults/conditions.js'
import { createFaultTimeline, type FaultAction, partedPairs } from '../faults/fault-timeline.js'
import { createPresence } from '../faults/presence.js'
import type { PlannedNode } from '../scenario/plan.js'
import type { StageInit } from '../stage/stage.js'
import type { Environment } from './environment.js'
import { openSimulatedNode } from './simulated-node.js'

/** The nodes of a simulation and what faults do to them. */
export interface Participants {
  /** Resolves when every node is done and no other will come. */
  play(): Promise<void>
  stop(): Promise<void>
}

export function createParticipants(
  environment: Environment,
  { onEvent }: Pick<StageInit, 'onEvent'>,
): Participants {
  const { plan, models, disks } = environment
  const { nodes, run } = plan
  const timeline = createFaultTimeline(plan.scenario.faults, { nodes: nodes.length })
  const presence = createPresence(plan.topology.graph, run.manifest.training.rounds)
  const running = new Map<number, { readonly node: TemperedNode; readonly gone: Promise<void> }>()
  const working = new Set<Promise<void>>()
  let conditions: Conditions = calm
  let stopped = false

  const carryOut = (actions: readonly FaultAction[]): void => {
    for (const action of actions) {
      if (stopped) return
      onEvent({ type: 'fault', action })
      conditions = afterFault(conditions, action)
      if (action.type === 'partition' || action.type === 'heal')
        setLinks(environment, action.groups, action.type === 'heal')
      else if (action.type === 'kill' || action.type === 'leave') {
        // Memory has no unwritten bytes to lose, so both stop after the current step.
        void running.get(action.node)?.node.stop()
      } else if (action.type === 'restart' || action.type === 'join') begin(nodes[action.node]!)
    }
  }

  const begin = (planned: PlannedNode): void => {
    const { index } = planned
    const before = running.get(index)?.gone
    const task = (before ?? Promise.resolve())
      .then(() => work(planned))
      .catch((error) => {
        models.gone(index)
        // What is stopped may fail at what it was doing.
        if (!stopped) onEvent(nodeFailed(index, error))
      })
      .finally(() => {
        working.delete(task)
        running.delete(index)
        presence.gone(index)
        releaseStranded()
      })
    working.add(task)
  }

  /** Runs the rounds of a node until it is done, is stopped or fails. */
  const work = async (planned: PlannedNode): Promise<void> => {
    const { index } = planned
    presence.started(index)
    const { node, aggregation } = await openSimulatedNode(environment, planned, {
      conditions: () => conditions,
      absent: timeline.pending().flatMap((action) => (action.type === 'join' ? [action.node] : [])),
      events: {
        onShare(round, model) {
          if (planned.attack !== undefined) return
          const blob = encodeModel(model)
          models.note(index, round, async () => blob)
        },
        onPublished(round, modelCid) {
          presence.published(index, round)
          if (round === 0) onEvent({ type: 'step', index, step: 'trained' })
          if (planned.attack === undefined && run.manifest.privacy === undefined)
            models.note(index, round, async () => requireBlob(disks[index]!.blob(modelCid), modelCid))
          carryOut(timeline.published(index, round, planned.attack === undefined))
        },
        onRound(report) {
          // Aggregation takes real time, which virtual time does not include.
          const phaseMs = { ...report.phaseMs, aggregate: aggregation.takeMs() }
          onEvent({ type: 'round', index, report: reportedRound({ ...report, phaseMs }) })
        },
        onNotice: (notice) => onEvent({ type: 'notice', index, notice }),
        onQuarantine: (peer, round, kind) => onEvent({ type: 'quarantine', index, peer, round, kind }),
      },
    })
    if (stopped) {
      await node.stop()
      return
    }
    onEvent({ type: 'step', index, step: 'started' })
    const gone = node.run()
    running.set(index, { node, gone: gone.catch(() => undefined) })
    releaseStranded()
    await gone
    const lastRound = run.manifest.training.rounds - 1
    if (disks[index]!.lastRound === lastRound) onEvent({ type: 'done', index })
    else models.gone(index)
  }

  /** Stops nodes whose neighbours will never come. They would wait for ever. */
  const releaseStranded = (): void => {
    const coming = new Set(timeline.pending().flatMap((action) => ('node' in action ? [action.node] : [])))
    for (const index of presence.stranded((other) => coming.has(other))) void running.get(index)?.node.stop()
  }

  return {
    async play() {
      carryOut(timeline.start())
      const absent = new Set(timeline.absentAtStart)
      for (const planned of nodes) if (!absent.has(planned.index)) begin(planned)
      while (working.size > 0) await Promise.all(working)
      if (!stopped) for (const action of timeline.pending()) onEvent({ type: 'fault-skipped', action })
    },
    async stop() {
      stopped = true
      await Promise.all([...running.values()].map(({ node }) => node.stop()))
    },
  }
}

/** Opens or cuts the links between groups. */
function setLinks({ plan, hub }: Environment, groups: readonly (readonly number[])[], open: boolean): void {
  const { members } = plan.run.manifest
  for (const [a, b] of partedPairs(groups)) hub.setLink(members[a]!, members[b]!, open)
}

function requireBlob(bytes: Uint8Array | undefined, cid: string): Uint8Array {
  if (bytes === undefined) throw new RangeError(`blob ${cid} is no longer held`)
  return bytes
}
