import {
  allocateModel,
  type ModelBuffer,
  type Run,
  type SignedAnnouncement,
  type SignedHead,
  type Signer,
  signAnnouncement,
  signEntry,
  signHead,
} from '@tempered/protocol'
import type { Rule } from '@tempered/robust-agg'
import { CID } from 'multiformats/cid'
import { type AbsentModel, type ArrivedModel, aggregateRound } from '../aggregate/pipeline.js'
import type { BlobStore } from '../blobs/store.js'
import type { Clock } from '../clock.js'
import { errorMessage, NodeError } from '../errors.js'
import type { Ledger } from '../ledger/ledger.js'
import type { Logger } from '../logger.js'
import type { NetworkHandlers, RunNetwork } from '../transport/network.js'
import { createHeardAnnouncements } from './heard-announcements.js'
import type { LocalTraining } from './local-training.js'
import { initialState, step } from './machine.js'
import { createModelFetcher } from './model-fetcher.js'
import type { OwnHistory } from './own-history.js'
import { createPhaseTimer } from './phase-timer.js'
import type { ModelPublisher } from './publisher.js'
import type { RoundReport } from './report.js'
import type { Answer, RoundEffect, RoundEvent, RoundState, TimerName } from './state.js'
import { createStatusPoller } from './status-poller.js'

export interface RoundEngineComponents {
  readonly run: Run
  readonly signer: Signer
  readonly network: RunNetwork
  readonly training: LocalTraining
  readonly publisher: ModelPublisher
  readonly rule: Rule
  readonly ledger: Ledger
  readonly blobs: BlobStore
  readonly history: OwnHistory
  readonly clock: Clock
  readonly logger: Logger
}

export interface RoundEngineInit {
  /** Neighbours' peer ids in member order. */
  readonly neighbours: readonly string[]
  /** Mixing weight of each neighbour; undefined for equal weights. */
  readonly mixing: ReadonlyMap<string, number> | undefined
  /** The parameters with which the next round begins: the last aggregate, or the run's initial ones. */
  readonly parameters: ModelBuffer
  /** An announcement that was signed before a crash and has no entry yet, with its blob's parameters. */
  readonly pending: { readonly announcement: SignedAnnouncement; readonly model: ModelBuffer } | undefined
  /** Rounds of own blobs that are kept. */
  readonly keepRounds: number
  /** The model of a round is stored and about to be announced. */
  onPublished(round: number, modelCid: string): void
  onRound(report: RoundReport): void
  onQuarantine(peer: string, round: number): void
}

export interface RoundEngine {
  /** What the network is to call. */
  readonly handlers: Omit<NetworkHandlers, 'refused'>
  /** Works the rounds; resolves when the run is over or `stop` was called, rejects when this node cannot go on. */
  run(): Promise<void>
  /** Lets a ledger write in progress finish, drops everything else. */
  stop(): Promise<void>
  readonly state: RoundState
}

/** Carries out the effects of the round machine and feeds their outcomes back to it, one event at a time. */
export function createRoundEngine(components: RoundEngineComponents, init: RoundEngineInit): RoundEngine {
  const { run, signer, network, training, publisher, rule, ledger, blobs, history, clock, logger } =
    components
  const { manifest } = run
  let state = initialState({
    rounds: manifest.training.rounds,
    neighbours: init.neighbours,
    patienceRounds: manifest.patienceRounds,
  })
  /** The parameters this round began with. */
  let start = init.parameters
  /** What was trained in this round. */
  let trained: ModelBuffer | undefined = init.pending?.model
  let announcement: SignedAnnouncement | undefined = init.pending?.announcement
  let trainingLoss: number | null = null
  let wireBefore = { received: 0, sent: 0 }
  const heard = createHeardAnnouncements()
  const timers = new Map<TimerName, { round: number; cancel: () => void }>()
  const phases = createPhaseTimer(clock)
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
    const model = allocateModel(manifest.model.parameterCount)
    model.parameters.set(start.parameters)
    const { loss } = await training.train(round, model.parameters)
    trained = model
    announcement = undefined
    trainingLoss = Number.isFinite(loss) ? loss : null
    dispatch({ type: 'trained' })
  }

  async function publish(round: number): Promise<void> {
    phases.begin('publish')
    if (trained === undefined)
      throw new NodeError('E_STATE_CORRUPT', `nothing trained to publish in round ${round}`)
    if (announcement?.body.round !== round) {
      const parameters = await publisher.prepare(round, trained.parameters, start.parameters)
      const model = parameters === trained.parameters ? trained : wrap(parameters)
      const cid = await blobs.put(model.bytes)
      if (stopped) return
      announcement = signAnnouncement(
        {
          run: run.id,
          round,
          model: CID.parse(cid),
          byteLength: run.modelBytes,
          parent: ledger.head,
          norm: l2Norm(model.parameters),
        },
        signer,
      )
      await ledger.recordAnnouncement(announcement)
    }
    if (stopped) return
    history.noteAnnouncement(announcement)
    init.onPublished(round, announcement.body.model.toString())
    await network.announce(announcement)
    phases.begin('collect')
    dispatch({ type: 'published', round })
  }

  async function aggregate(round: number, answers: readonly Answer[]): Promise<void> {
    phases.begin('aggregate')
    if (trained === undefined || announcement === undefined)
      throw new NodeError('E_STATE_CORRUPT', 'nothing published')
    const neighbours = answers.map((answer) => gather(answer, round))
    const out = allocateModel(manifest.model.parameterCount)
    const { records, ownWeight } = aggregateRound({
      rule,
      own: trained.parameters,
      previous: start.parameters,
      neighbours,
      round,
      rounds: manifest.training.rounds,
      mixing: init.mixing,
      out: out.parameters,
    })
    phases.begin('evaluate')
    const evaluation = await training.evaluate(round, out.parameters)
    phases.begin('ledger')
    const aggregateCid = await blobs.put(out.bytes)
    if (stopped) return
    const metrics = {
      trainingLoss,
      testLoss: finiteOrNull(evaluation?.loss),
      testAccuracy: finiteOrNull(evaluation?.accuracy),
    }
    const entry = signEntry(
      {
        run: run.id,
        height: ledger.length,
        parent: ledger.head,
        round,
        announcement: announcement.bytes,
        neighbours: [...records],
        rule: manifest.rule,
        ownWeight,
        aggregate: CID.parse(aggregateCid),
        localSteps: manifest.training.localSteps,
        metrics,
        wallClockMs: clock.wallMs(),
      },
      signer,
    )
    await ledger.append(entry)
    const head = signHead({ run: run.id, height: entry.body.height, round, entry: entry.cid }, signer)
    history.noteHead(head)
    const modelCid = announcement.body.model.toString()
    await blobs.retain(history.retained(round, [modelCid, aggregateCid], init.keepRounds))
    await network.publishHead(head)
    const wire = network.wireBytes()
    const report: RoundReport = {
      round,
      ...metrics,
      neighbours: records,
      modelCid,
      aggregateCid,
      entryCid: entry.cid.toString(),
      bytesReceived: wire.received - wireBefore.received,
      bytesSent: wire.sent - wireBefore.sent,
      phaseMs: phases.end(),
    }
    wireBefore = wire
    start = out
    trained = undefined
    init.onRound(report)
    dispatch({ type: 'aggregated', round })
  }

  function gather(answer: Answer, round: number): ArrivedModel | AbsentModel {
    const { peer } = answer
    const message = heard.find(round, peer)
    if (answer.status === 'absent') {
      return { status: 'absent', peer, reason: answer.reason, announcement: message?.bytes ?? null }
    }
    const model = fetcher.take(peer, round)
    if (model === undefined) {
      return { status: 'absent', peer, reason: 'E_INTERNAL', announcement: message?.bytes ?? null }
    }
    const { parameters } = model
    return {
      status: 'ready',
      peer,
      parameters,
      announcement: model.announcement.bytes,
      arrival: answer.arrival,
    }
  }

  async function stop(): Promise<void> {
    stopped = true
    for (const { cancel } of timers.values()) cancel()
    timers.clear()
    poller.stop()
    fetcher.stop()
    await writing.catch(() => undefined)
    resolveFinished()
  }

  const isNeighbour = new Set(init.neighbours)
  return {
    get state() {
      return state
    },
    handlers: {
      neighbourUp(peer) {
        logger.info({ peer }, 'neighbour up')
        dispatch({ type: 'neighbour-up', peer })
      },
      neighbourDown(peer) {
        logger.warn({ peer, round: state.round }, 'neighbour down')
        dispatch({ type: 'neighbour-down', peer })
      },
      announcement(message) {
        const { author, round, model } = message.body
        if (!isNeighbour.has(author)) return
        if (round >= state.round) heard.remember(message, state.round)
        dispatch({ type: 'announced', peer: author, round, model: model.toString() })
      },
      head(message: SignedHead) {
        dispatch({ type: 'head', peer: message.body.author, round: message.body.round })
      },
      evidence(evidence) {
        logger.warn(
          { peer: evidence.offender, round: evidence.round },
          'two models for one round: quarantined',
        )
        init.onQuarantine(evidence.offender, evidence.round)
        dispatch({ type: 'quarantined', peer: evidence.offender })
      },
    },
    run() {
      const round = init.pending?.announcement.body.round ?? (ledger.last?.body.round ?? -1) + 1
      dispatch({ type: 'start', round, pending: init.pending !== undefined })
      return finished
    },
    stop,
  }

  function wrap(parameters: Float32Array): ModelBuffer {
    if (parameters.length !== manifest.model.parameterCount) {
      throw new NodeError('E_STATE_CORRUPT', `the publisher gave ${parameters.length} parameters`)
    }
    const model = allocateModel(parameters.length)
    model.parameters.set(parameters)
    return model
  }
}

function finiteOrNull(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null
}

/** L2 norm in float64. */
function l2Norm(vector: Float32Array): number {
  let sum = 0
  for (let k = 0; k < vector.length; k++) sum += vector[k]! * vector[k]!
  const norm = Math.sqrt(sum)
  return Number.isFinite(norm) ? norm : Number.MAX_VALUE
}
