import { TemperedError } from '@tempered/errors'
import type { Evidence, Run, SignedAnnouncement, SignedEntry } from '@tempered/protocol'
import type { OpenBlob } from '../blobs/open-blob.js'
import type { Agreement } from '../chain/agreement.js'
import type { Clock } from '../clock.js'
import { errorMessage } from '../errors.js'
import type { Failpoints } from '../failpoints.js'
import type { Logger } from '../logger.js'
import type { PrivateExchange } from '../private/private-exchange.js'
import type { CatchUp } from '../sync/catch-up.js'
import type { NetworkHandlers, RunNetwork } from '../transport/network.js'
import type { Witnessing } from '../witness/witnessing.js'
import { createEffectRunner } from './effect-runner.js'
import { createEventLoop, type EventLoop } from './event-loop.js'
import { initialState } from './machine.js'
import { createNeighbourModels } from './neighbour-models.js'
import { createNetworkEvents } from './network-events.js'
import { noticeLog } from './notice-log.js'
import { createPace } from './pace.js'
import type { PhaseTimer } from './phase-timer.js'
import type { RoundReport } from './report.js'
import { createRoundTimers, type PhaseProgress } from './round-timers.js'
import { createRoundWatches } from './round-watches.js'
import type { RoundWork } from './round-work.js'
import { createRunProgress } from './run-progress.js'
import { silentNeighbours } from './silent-neighbours.js'
import type { Notice, RoundState } from './state.js'
import { createStatusPoller, type StatusPoller } from './status-poller.js'
import { createWaitingReporter, waitingOf, waitingText } from './waiting.js'

export interface RoundEngineComponents {
  readonly run: Run
  readonly network: RunNetwork
  readonly work: RoundWork
  readonly witnessing: Witnessing
  readonly catchUp: CatchUp
  readonly phases: PhaseTimer
  readonly clock: Clock
  readonly logger: Logger
  readonly failpoints: Failpoints
  /** Undefined for runs without a common chain. */
  readonly agreement: Agreement | undefined
  /** Undefined for runs that are not private. */
  readonly exchange: PrivateExchange | undefined
  /** The newest entry of the node's own ledger. */
  lastEntry(): SignedEntry | undefined
}

export interface RoundEngineInit {
  /** Neighbours' peer ids in member order. */
  readonly neighbours: readonly string[]
  /** Rounds by which members may differ though nothing is wrong; see `RoundConfig.spread`. */
  readonly spread: number
  /** Whether this node has closed no round yet, in a run that others have begun: it takes over their model. */
  readonly isNew: boolean
  /** See `RoundConfig.awaited`. */
  readonly awaited: ReadonlySet<string> | undefined
  /** The round to begin with; `pending` when its announcement was already signed before a crash. */
  readonly firstRound: number
  readonly pending: boolean
  /** The code with which a peer and this node did not admit one another; undefined for others. */
  refusalOf(peer: string): string | undefined
  /** Entries in the node's own ledger. */
  ownLength(): number
  /** The model of a round is stored and about to be announced. */
  onPublished(round: number, modelCid: string): void
  /** See `NodeEvents`. */
  onFetching(round: number, peer: string): void
  onFetched(round: number, peer: string, code: string | undefined): void
  onRound(report: RoundReport): void
  onNotice(notice: Notice): void
  onQuarantine(evidence: Evidence): void
  /** A neighbour announced bytes that are not a model; they are only lent. */
  onInvalidModel(announcement: SignedAnnouncement, bytes: Uint8Array): void
  onAccusation(evidence: Evidence, from: string): void
  /** The node is in this round now. Returns whether the round is of another epoch than that of `run`. */
  enterRound(round: number): boolean
  /** The node is through with its rounds, and would be in this one: the round with which it goes on in another epoch, if any. */
  nextEpoch(round: number): number | undefined
  /** Peers that are quarantined from the start. */
  readonly quarantined: readonly string[]
}

/** Why a node's rounds ended: all are done or it was stopped, or `nextRound` is of another epoch of the run. */
export type RoundsEnd = { readonly nextRound?: number }

export interface RoundEngine {
  /** To be called by the network. */
  readonly handlers: Omit<NetworkHandlers, 'refused'>
  /** Something that the chain has to say. */
  notice(notice: Notice): void
  /** This node cannot continue. */
  fail(error: unknown): void
  /** Quarantines a member that this node can prove to be Byzantine. */
  convict(evidence: Evidence): void
  /**
   * Runs the rounds; resolves when the run is over or `stop` was called, or with the next round when that is of another
   * epoch; rejects when this node cannot continue.
   */
  run(): Promise<RoundsEnd>
  /** A change of the run was decided: a node that waits for the run to begin, or is through, need not wait. */
  changed(): void
  /** Finishes a ledger write in progress and drops everything else. */
  stop(): Promise<void>
  readonly state: RoundState
  /** How long the current phase has taken so far, and how long it may still take. */
  phaseTimes(): PhaseProgress
  /** A neighbour's model of a round that is not over, for others whose transfer from its author broke. */
  openModel(cid: string): OpenBlob | undefined
}

/** Puts the parts of the round engine together: the event loop around the machine, its timers, effects and inputs. */
export function createRoundEngine(components: RoundEngineComponents, init: RoundEngineInit): RoundEngine {
  const { run, network, work, witnessing, catchUp, agreement, exchange, clock, logger } = components
  const {
    model,
    members,
    patienceRounds,
    training: { rounds },
  } = run.manifest
  const { neighbours, spread, isNew, awaited } = init
  const { finished, resolve, reject } = createCompletion()
  let stopped = false

  const loop: EventLoop = createEventLoop({
    initial: initialState({ rounds, patienceRounds, neighbours, spread, isNew, awaited }),
    onPhase,
    perform: (effect) => effects.perform(effect),
    onError: fail,
  })
  const pace = createPace(clock, run.manifest.deadlines)
  const progress = createRunProgress(members.length)
  const watches = createRoundWatches(run.manifest)
  const { dispatch } = loop
  const timers = createRoundTimers(clock, pace, (timer, round) => {
    if (timer === 'collect' || timer === 'linger') {
      logger.warn({ round, waitingFor: silentNeighbours(loop.state) }, `${timer} deadline passed`)
    }
    dispatch({ type: 'timeout', timer, round })
  })
  const models = createNeighbourModels({
    network,
    clock,
    logger,
    parameterCount: model.parameterCount,
    neighbours: init.neighbours,
    ...{ onInvalidModel: init.onInvalidModel, onFetching: init.onFetching, onFetched: init.onFetched },
    dispatch,
  })
  const effects = createEffectRunner(
    { ...components, models, timers, pace, isPrivate: exchange !== undefined },
    {
      ...{ dispatch, onPublished: init.onPublished, onRound, onNotice, onError: fail },
      isOfOtherEpoch: init.enterRound,
      onEnd: resolve,
    },
  )
  const waiting = createWaitingReporter(
    clock,
    () => waitingOf(loop.state, timers.remainingMs),
    (now) => logger.info({ round: loop.state.round }, waitingText(now, init.refusalOf)),
  )
  const poller = createStatusPoller(network, clock, logger)

  function onPhase(next: RoundState): void {
    timers.enter(next.phase)
    // Where nobody reads it, as in simulations, it costs no timer.
    if (logger.isLevelEnabled('info')) waiting.begin()
    logger.debug({ round: next.round, phase: next.phase }, 'phase')
    if (next.phase === 'lingering') witnessing.linger()
    goOn(next)
    if (next.phase === 'collecting' || next.phase === 'lingering')
      pollSilent(poller, loop, Math.min(next.round, rounds - 1))
    else poller.stop()
  }

  /** Ends these rounds if the node waits and the run goes on in another epoch, e.g. in one with more rounds. */
  function goOn({ phase, round }: RoundState): void {
    if (phase === 'joining' && init.enterRound(round)) resolve({ nextRound: round })
    if (phase !== 'lingering' && phase !== 'done') return
    // Where the run was cut short, the node is past its end.
    const nextRound = init.nextEpoch(Math.max(round, init.firstRound))
    if (nextRound !== undefined) resolve({ nextRound })
  }

  function onRound(report: RoundReport): void {
    init.onRound(report)
    for (const notice of watches.note(report)) onNotice(notice)
  }

  function onNotice(notice: Notice): void {
    const { text, ...details } = noticeLog(notice)
    logger.warn({ notice: notice.kind, ...details }, text)
    init.onNotice(notice)
  }

  function fail(error: unknown): void {
    if (stopped) return
    // The stack of an error that was raised on purpose says nothing to those who run a node.
    const what = error instanceof TemperedError ? { code: error.code } : { err: error }
    logger.error({ ...what, round: loop.state.round }, `cannot continue: ${errorMessage(error)}`)
    reject(error)
    void stop()
  }

  async function stop(): Promise<void> {
    stopped = true
    loop.stop()
    timers.stop()
    poller.stop()
    waiting.stop()
    models.stop()
    work.stop()
    witnessing.stop()
    exchange?.stop()
    catchUp.stop()
    await effects.stop()
    await agreement?.stop()
    models.close()
    resolve({})
  }

  function exclude(member: string): void {
    progress.exclude(member)
    witnessing.exclude(member)
    exchange?.quarantine(member)
  }

  function convict(evidence: Evidence): void {
    const { offender, round, kind } = evidence
    logger.warn({ peer: offender, round, kind }, `${kind}: quarantined`)
    init.onQuarantine(evidence)
    exclude(offender)
    dispatch({ type: 'quarantined', peer: offender })
  }

  return {
    get state() {
      return loop.state
    },
    handlers: createNetworkEvents(
      { models, witnessing, progress, agreement, exchange, logger },
      {
        neighbours,
        currentRound: () => loop.state.round,
        ownLength: init.ownLength,
        dispatch,
        onEvidence: convict,
        onAccusation: init.onAccusation,
        onError: fail,
      },
    ),
    phaseTimes: timers.phaseTimes,
    notice: onNotice,
    fail,
    convict,
    run() {
      // A node may be stopped while its network is being opened.
      if (stopped) return finished
      for (const peer of init.quarantined) {
        exclude(peer)
        dispatch({ type: 'quarantined', peer })
      }
      agreement?.start(components.lastEntry())
      dispatch({ type: 'start', round: init.firstRound, pending: init.pending })
      return finished
    },
    changed: () => goOn(loop.state),
    stop,
    openModel: models.open,
  }
}

/** Asks the neighbours that have not answered how far they are, as long as this phase lasts. */
function pollSilent(poller: StatusPoller, loop: EventLoop, fromRound: number): void {
  poller.watch(
    fromRound,
    () => silentNeighbours(loop.state),
    (peer, status) => {
      const { round, neighbours } = loop.state
      // One that was started again after its last round has nothing to announce any more.
      const isPast = status.newestRound > round || neighbours.get(peer)?.finished === true
      if (isPast && !status.rounds.includes(round)) loop.dispatch({ type: 'passed', peer, round })
    },
  )
}

interface Completion {
  readonly finished: Promise<RoundsEnd>
  resolve(end: RoundsEnd): void
  reject(error: unknown): void
}

function createCompletion(): Completion {
  let resolve!: (end: RoundsEnd) => void
  let reject!: (error: unknown) => void
  const finished = new Promise<RoundsEnd>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  // The caller of run() sees a failure; before run() is called it may go unhandled.
  finished.catch(() => undefined)
  return { finished, resolve, reject }
}
