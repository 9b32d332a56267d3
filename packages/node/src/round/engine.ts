import type { Evidence, Run, SignedAnnouncement } from '@tempered/protocol'
import type { AbsentModel, ArrivedModel } from '../aggregate/pipeline.js'
import type { Clock } from '../clock.js'
import { errorMessage, NodeError } from '../errors.js'
import type { Failpoints } from '../failpoints.js'
import type { Logger } from '../logger.js'
import type { CatchUp } from '../sync/catch-up.js'
import type { NetworkHandlers, RunNetwork } from '../transport/network.js'
import type { Witnessing } from '../witness/witnessing.js'
import { createArrivals } from './arrivals.js'
import { createHeardAnnouncements } from './heard-announcements.js'
import { initialState, step } from './machine.js'
import { createModelFetcher } from './model-fetcher.js'
import type { PhaseTimer } from './phase-timer.js'
import type { RoundReport } from './report.js'
import type { RoundWork } from './round-work.js'
import type { Answer, RoundEffect, RoundEvent, RoundState, TimerName } from './state.js'
import { createStatusPoller } from './status-poller.js'

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
}

export interface RoundEngineInit {
  /** Neighbours' peer ids in member order. */
  readonly neighbours: readonly string[]
  /** The round to begin with; `pending` when its announcement was already signed before a crash. */
  readonly firstRound: number
  readonly pending: boolean
  /** Entries in the own ledger. */
  ownLength(): number
  /** The model of a round is stored and about to be announced. */
  onPublished(round: number, modelCid: string): void
  onRound(report: RoundReport): void
  onQuarantine(evidence: Evidence): void
  /** A neighbour announced what is no model; the bytes are only lent. */
  onInvalidModel(announcement: SignedAnnouncement, bytes: Uint8Array): void
  onAccusation(evidence: Evidence, from: string): void
  /** Peers that are quarantined from the start. */
  readonly quarantined: readonly string[]
}

export interface RoundEngine {
  /** What the network is to call. */
  readonly handlers: Omit<NetworkHandlers, 'refused'>
  /** Quarantines a member against whom this node holds proof. */
  convict(evidence: Evidence): void
  /** Works the rounds; resolves when the run is over or `stop` was called, rejects when this node cannot go on. */
  run(): Promise<void>
  /** Lets a ledger write in progress finish, drops everything else. */
  stop(): Promise<void>
  readonly state: RoundState
}

/** Carries out the effects of the round machine and feeds their outcomes back to it, one event at a time. */
export function createRoundEngine(components: RoundEngineComponents, init: RoundEngineInit): RoundEngine {
  const { run, network, work, witnessing, catchUp, phases, clock, logger, failpoints } = components
  const { manifest } = run
  let state = initialState({
    rounds: manifest.training.rounds,
    neighbours: init.neighbours,
    patienceRounds: manifest.patienceRounds,
  })
  let wireBefore = { received: 0, sent: 0 }
  const heard = createHeardAnnouncements()
  const timers = new Map<TimerName, { round: number; cancel: () => void }>()
  let resolveFinished!: () => void
  let rejectFinished!: (error: unknown) => void
  const finished = new Promise<void>((resolve, reject) => {
    resolveFinished = resolve
    rejectFinished = reject
  })
  // Whoever called run() hears of a failure; before that nobody needs to.
  finished.catch(() => undefined)
  let stopped = false
  let writing: Promise<void> = Promise.resolve()

  const fetcher = createModelFetcher({
    network,
    clock,
    parameterCount: manifest.model.parameterCount,
    onInvalid: init.onInvalidModel,
    onOutcome(peer, round, model, code) {
      if (code !== undefined) logger.warn({ peer, round, code }, 'model not taken')
      dispatch(
        code === undefined
          ? { type: 'fetched', peer, round, model }
          : { type: 'fetch-failed', peer, round, model, code },
      )
    },
  })
  const poller = createStatusPoller(network, clock, logger)

  const queue: RoundEvent[] = []
  let draining = false
  function dispatch(event: RoundEvent): void {
    queue.push(event)
    if (draining) return
    draining = true
    try {
      for (let next = queue.shift(); next !== undefined && !stopped; next = queue.shift()) {
        const result = step(state, next)
        if (result.state.phase !== state.phase) onPhase(result.state)
        state = result.state
        for (const effect of result.effects) perform(effect)
      }
    } catch (error) {
      fail(error)
    } finally {
      draining = false
    }
  }

  function fail(error: unknown): void {
    if (stopped) return
    logger.error({ err: error, round: state.round }, `cannot go on: ${errorMessage(error)}`)
    rejectFinished(error)
    void stop()
  }

  /** Runs an effect that takes time; whatever it throws ends the node, since the round cannot be completed. */
  function background(work: () => Promise<void>): void {
    work().catch(fail)
  }

  function onPhase(next: RoundState): void {
    logger.debug({ round: next.round, phase: next.phase }, 'phase')
    if (next.phase === 'joining') {
      logger.info({ neighbours: init.neighbours, round: next.round + 1 }, 'waiting for neighbours')
    }
    if (next.phase === 'lingering') witnessing.linger()
    if (next.phase === 'collecting' || next.phase === 'lingering') {
      poller.watch(
        Math.min(next.round, manifest.training.rounds - 1),
        () => silentNeighbours(),
        (peer, status) => {
          if (status.newestRound > state.round && !status.rounds.includes(state.round)) {
            dispatch({ type: 'passed', peer, round: state.round })
          }
        },
      )
    } else {
      poller.stop()
    }
  }

  /** Live neighbours of which nothing is known for what we wait for. */
  function silentNeighbours(): string[] {
    const items = state.inbox.get(state.round)
    return [...state.neighbours]
      .filter(([peer, neighbour]) => {
        if (!neighbour.live || neighbour.quarantined) return false
        return state.phase === 'lingering' ? !neighbour.finished : items?.get(peer) === undefined
      })
      .map(([peer]) => peer)
  }

  function perform(effect: RoundEffect): void {
    switch (effect.type) {
      case 'train':
        background(() => train(effect.round))
        break
      case 'sync':
        background(() => sync(effect.peers))
        break
      case 'publish':
        background(() => publish(effect.round))
        break
      case 'aggregate':
        background(() => {
          writing = aggregate(effect.round, effect.answers)
          return writing
        })
        break
      case 'fetch': {
        const message = heard.find(effect.round, effect.peer)
        if (message !== undefined) fetcher.fetch(effect.peer, message)
        break
      }
      case 'forget':
        fetcher.forget(effect.round)
        heard.forget(effect.round)
        break
      case 'arm':
        arm(effect.timer, effect.round)
        break
      case 'disarm':
        timers.get(effect.timer)?.cancel()
        timers.delete(effect.timer)
        break
      case 'finish':
        background(async () => {
          await writing
          await witnessing.settled()
          resolveFinished()
        })
        break
    }
  }

  function arm(timer: TimerName, round: number): void {
    const armed = timers.get(timer)
    if (armed?.round === round) return
    armed?.cancel()
    const delayMs = timer === 'join' ? manifest.deadlines.joinMs : manifest.deadlines.collectMs
    const cancel = clock.after(delayMs, () => {
      timers.delete(timer)
      if (timer !== 'join') logger.warn({ round, waitingFor: silentNeighbours() }, `${timer} deadline passed`)
      dispatch({ type: 'timeout', timer, round })
    })
    timers.set(timer, { round, cancel })
  }

  async function train(round: number): Promise<void> {
    phases.begin('train')
    await work.train(round)
    dispatch({ type: 'trained' })
  }

  async function sync(peers: readonly string[]): Promise<void> {
    const model = await catchUp.newestModel(peers)
    if (stopped) return
    if (model !== undefined) work.startFrom(model)
    dispatch({ type: 'synced' })
  }

  async function publish(round: number): Promise<void> {
    phases.begin('publish')
    const announcement = await work.seal(round)
    if (announcement === undefined) return
    init.onPublished(round, announcement.body.model.toString())
    await network.announce(announcement)
    work.noteAnnounced()
    await failpoints.hit('announcement.after-publish')
    phases.begin('collect')
    dispatch({ type: 'published', round })
  }

  async function aggregate(round: number, answers: readonly Answer[]): Promise<void> {
    phases.begin('aggregate')
    const closed = await work.close(
      round,
      answers.map((answer) => gather(answer, round)),
    )
    if (closed === undefined) return
    await witnessing.publish()
    const wire = network.wireBytes()
    const report: RoundReport = {
      ...closed,
      bytesReceived: wire.received - wireBefore.received,
      bytesSent: wire.sent - wireBefore.sent,
      phaseMs: phases.end(),
    }
    wireBefore = wire
    init.onRound(report)
    dispatch({ type: 'aggregated', round })
  }

  function gather(answer: Answer, round: number): ArrivedModel | AbsentModel {
    const { peer } = answer
    const message = heard.find(round, peer)
    const model = answer.status === 'ready' ? fetcher.take(peer, round) : undefined
    if (answer.status === 'absent' || model === undefined) {
      const reason = answer.status === 'absent' ? answer.reason : 'E_INTERNAL'
      return { status: 'absent', peer, reason, announcement: message?.bytes ?? null }
    }
    return {
      status: 'ready',
      peer,
      parameters: model.parameters,
      announcement: model.announcement.bytes,
      arrival: answer.arrival,
      latenessMs: Math.max(0, Math.round(model.arrivedMs - work.announcedMs)),
      opinions: model.announcement.body.opinions,
    }
  }

  async function stop(): Promise<void> {
    stopped = true
    for (const { cancel } of timers.values()) cancel()
    timers.clear()
    poller.stop()
    fetcher.stop()
    work.stop()
    witnessing.stop()
    catchUp.stop()
    await writing.catch(() => undefined)
    fetcher.close()
    resolveFinished()
  }

  function convict(evidence: Evidence): void {
    const { offender, round, kind } = evidence
    logger.warn({ peer: offender, round, kind }, `${kind}: quarantined`)
    init.onQuarantine(evidence)
    dispatch({ type: 'quarantined', peer: offender })
  }

  const isNeighbour = new Set(init.neighbours)
  const arrivals = createArrivals(dispatch)
  return {
    get state() {
      return state
    },
    handlers: {
      neighbourUp(peer) {
        logger.info({ peer }, 'neighbour up')
        arrivals.up(peer)
      },
      neighbourDown(peer) {
        logger.warn({ peer, round: state.round }, 'neighbour down')
        arrivals.down(peer)
      },
      announcement(message) {
        const { author, round, model } = message.body
        if (!isNeighbour.has(author)) return
        if (round >= state.round) heard.remember(message, state.round)
        arrivals.heard({ type: 'announced', peer: author, round, model: model.toString() })
      },
      head(message) {
        witnessing.head(message)
        const { author, round } = message.head.body
        arrivals.heard({ type: 'head', peer: author, round })
      },
      ownHead(head) {
        if (head.body.height < init.ownLength()) return
        // Going on would make a second history, which is what equivocators do.
        fail(
          new NodeError(
            'E_ROLLED_BACK',
            `this node signed entry ${head.body.height} before, but its ledger holds only ${init.ownLength()}; ` +
              'restore the newest copy of the state folder, or take part under a new key',
            { height: head.body.height },
          ),
        )
      },
      evidence: convict,
      accusation: init.onAccusation,
    },
    convict,
    run() {
      for (const peer of init.quarantined) dispatch({ type: 'quarantined', peer })
      dispatch({ type: 'start', round: init.firstRound, pending: init.pending })
      return finished
    },
    stop,
  }
}
