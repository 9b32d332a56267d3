import type { EvidenceKind, Run } from '@tempered/protocol'
import type { Membership } from '../epochs/membership.js'
import type { GuardReport } from '../guard/node-guard.js'
import type { ReachReport } from '../reach/reachability.js'
import type { RoundEngine } from '../round/engine.js'
import { noticeLog } from '../round/notice-log.js'
import type { Phase } from '../round/state.js'
import type { NodeState } from '../state/node-state.js'
import type { PeerConnection, RunNetwork } from '../transport/network.js'
import type { Activity } from './activity.js'
import { type NeighbourStatus, neighbourStatus } from './neighbour-status.js'

/** A node at one moment, as plain data. Rounds and heights count from 0, as everywhere in the code; times are ms since 1970. */
export interface NodeStatus {
  readonly peer: string
  readonly run: string
  readonly runName: string
  /** Rounds of the run. */
  readonly rounds: number
  readonly members: number
  /** CID of the epoch of the run; null before the first change. */
  readonly epoch: string | null
  /** Changes of the run that wait for signatures. */
  readonly pendingChanges: number
  /** The round being worked on; `rounds` when all are done. */
  readonly round: number
  readonly phase: Phase
  /** Milliseconds in this phase so far. */
  readonly phaseMs: number
  /** Milliseconds until the node goes on without those it waits for; null while nothing limits the wait. */
  readonly deadlineMs: number | null
  /** Where this node can be dialled; empty before the network is open. */
  readonly addresses: readonly string[]
  readonly isListening: boolean
  readonly startedMs: number
  /** Milliseconds since then, which setting the clock does not change. */
  readonly elapsedMs: number
  readonly neighbours: readonly NeighbourStatus[]
  /** Open connections; empty where the network has none, as in simulations. */
  readonly connections: readonly PeerConnection[]
  /** Which members could dial this node, and which could not; null where they were not asked. */
  readonly reachability: ReachReport | null
  readonly ledger: LedgerStatus
  /** The newest round that this process has closed; null before the first. */
  readonly lastRound: RoundSummary | null
  readonly quarantined: readonly {
    readonly peer: string
    readonly round: number
    readonly kind: EvidenceKind
  }[]
  /** Newest last, a few. */
  readonly refusals: Activity['refusals']
  readonly notices: readonly NoticeStatus[]
  /** What strangers and members were kept from taking; null before the network is open, and in simulations. */
  readonly guard: GuardReport | null
  /** Bytes on the wire since the start. */
  readonly wire: { readonly received: number; readonly sent: number }
}

export interface LedgerStatus {
  /** Entries. */
  readonly length: number
  /** CID of the newest entry, or the run id. */
  readonly head: string
  /** Round of the newest entry; null for none. */
  readonly lastRound: number | null
  /** Height of this node's newest entry that more than two thirds of the members have signed; null for none. */
  readonly finalHeight: number | null
}

export interface RoundSummary {
  readonly round: number
  readonly trainingLoss: number | null
  readonly testLoss: number | null
  readonly testMetric: number | null
}

export interface NoticeStatus {
  readonly atMs: number
  readonly kind: string
  readonly text: string
}

export interface NodeStatusParts {
  readonly peerId: string
  readonly run: Run
  readonly membership: Pick<Membership, 'pending'>
  readonly network: Pick<
    RunNetwork,
    'addresses' | 'connections' | 'guardReport' | 'reachability' | 'wireBytes'
  >
  readonly engine: Pick<RoundEngine, 'state' | 'phaseTimes'>
  readonly state: Pick<NodeState, 'ledger' | 'witness' | 'evidence'>
  readonly activity: Activity
  /** The code with which a peer and this node did not admit one another; undefined for others. */
  refusalOf(peer: string): string | undefined
}

/** What a node does at this moment. Reads memory only, so that it may be asked for at any time. */
export function nodeStatus(parts: NodeStatusParts): NodeStatus {
  const { peerId, run, membership, network, engine, state, activity, refusalOf } = parts
  const { ledger, witness, evidence } = state
  const connections = network.connections?.() ?? []
  const admitted = new Set(connections.filter((one) => one.isAdmitted).map(({ peer }) => peer))
  const report = activity.lastRound
  const times = engine.phaseTimes()
  return {
    peer: peerId,
    run: run.id.toString(),
    runName: run.manifest.name,
    rounds: run.manifest.training.rounds,
    members: run.manifest.members.length,
    epoch: run.epoch?.toString() ?? null,
    pendingChanges: membership.pending.length,
    round: engine.state.round,
    phase: engine.state.phase,
    phaseMs: times.elapsedMs,
    deadlineMs: times.remainingMs ?? null,
    addresses: network.addresses(),
    isListening: activity.isListening,
    startedMs: activity.startedMs,
    elapsedMs: activity.elapsedMs(),
    neighbours: [...engine.state.neighbours.keys()].map((peer) =>
      neighbourStatus(engine.state, peer, {
        isAdmitted: network.connections === undefined ? undefined : admitted.has(peer),
        lastSeenMs: activity.lastSeenMs(peer) ?? null,
        refused: refusalOf(peer) ?? null,
      }),
    ),
    connections,
    reachability: network.reachability?.() ?? null,
    ledger: {
      length: ledger.length,
      head: ledger.head.toString(),
      lastRound: ledger.last?.body.round ?? null,
      finalHeight: witness.finalHead(peerId)?.head.body.height ?? null,
    },
    lastRound:
      report === undefined
        ? null
        : {
            round: report.round,
            trainingLoss: report.trainingLoss,
            testLoss: report.testLoss,
            testMetric: report.testMetric,
          },
    quarantined: evidence.all.map(({ offender, round, kind }) => ({ peer: offender, round, kind })),
    refusals: [...activity.refusals],
    notices: activity.notices.map(({ atMs, notice }) => ({
      atMs,
      kind: notice.kind,
      text: noticeLog(notice).text,
    })),
    guard: network.guardReport() ?? null,
    wire: network.wireBytes(),
  }
}
