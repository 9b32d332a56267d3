import type { ModelBuffer, SignedAnnouncement, SignedEntry } from '@tempered/protocol'
import type { Agreement } from '../chain/agreement.js'
import type { Failpoints } from '../failpoints.js'
import type { CatchUp } from '../sync/catch-up.js'
import type { RunNetwork } from '../transport/network.js'
import type { Witnessing } from '../witness/witnessing.js'
import type { NeighbourModels } from './neighbour-models.js'
import type { Pace } from './pace.js'
import type { PhaseTimer } from './phase-timer.js'
import type { RoundReport } from './report.js'
import type { RoundTimers } from './round-timers.js'
import type { RoundWork } from './round-work.js'
import type { Answer, Notice, RoundEffect, RoundEvent } from './state.js'

/** Carries out the effects of the round machine; an asynchronous effect ends with an event or with `onError`. */
export interface EffectRunner {
  perform(effect: RoundEffect): void
  /** Takes over nothing more from neighbours. Resolves when the ledger write in progress, if any, is finished. */
  stop(): Promise<void>
}

export interface EffectRunnerComponents {
  readonly network: RunNetwork
  readonly work: RoundWork
  readonly models: NeighbourModels
  readonly timers: RoundTimers
  readonly witnessing: Witnessing
  readonly catchUp: CatchUp
  readonly phases: PhaseTimer
  readonly pace: Pace
  readonly failpoints: Failpoints
  /** Undefined for runs without a common chain. */
  readonly agreement: Agreement | undefined
  readonly isPrivate: boolean
  /** The newest entry of the node's own ledger. */
  lastEntry(): SignedEntry | undefined
}

export interface EffectRunnerInit {
  dispatch(event: RoundEvent): void
  /** The model of a round is stored and about to be announced. */
  onPublished(round: number, modelCid: string): void
  onRound(report: RoundReport): void
  onNotice(notice: Notice): void
  /**
   * The run is over: the last entry is written and its head witnessed as far as it can be. Or `nextRound` is of another
   * epoch.
   */
  onEnd(end: { readonly nextRound?: number }): void
  /** Whether this round is of another epoch of the run, so that this node must be opened anew for it. */
  isOfOtherEpoch(round: number): boolean
  /** An effect failed, so the round cannot be completed. */
  onError(error: unknown): void
}

export function createEffectRunner(components: EffectRunnerComponents, init: EffectRunnerInit): EffectRunner {
  const { network, work, models, timers, witnessing, catchUp, phases, pace, failpoints, agreement } =
    components
  const { dispatch } = init
  let wireBefore = { received: 0, sent: 0 }
  let writing: Promise<void> = Promise.resolve()
  let stopped = false
  /** What this node announced for the round. */
  let own: SignedAnnouncement | undefined
  /** In a run with a common chain a round is over, and is reported, once there is a block of it. */
  let unreported: RoundReport | undefined

  /** Reports a round with the scores of the common model in place of those of the node's own aggregate. */
  const reportCommon = async (common: ModelBuffer | undefined): Promise<void> => {
    const report = unreported
    unreported = undefined
    if (report === undefined) return
    const scores = common === undefined ? {} : await work.evaluate(report.round, common)
    init.onRound({ ...report, ...scores, chain: agreement!.takeCosts() })
  }

  const background = (task: () => Promise<void>): void => {
    task().catch(init.onError)
  }

  const train = async (round: number): Promise<void> => {
    if (init.isOfOtherEpoch(round)) return init.onEnd({ nextRound: round })
    if (agreement !== undefined) {
      const common = await agreement.modelFor(round)
      if (stopped) return
      await reportCommon(common)
      if (common !== undefined) work.startFrom(common)
    }
    phases.begin('train', round)
    await work.train(round)
    if (components.isPrivate) {
      phases.begin('share', round)
      await work.share(round)
      if (stopped) return
    }
    dispatch({ type: 'trained' })
  }

  const sync = async (peers: readonly string[]): Promise<void> => {
    const model = await catchUp.newestModel(peers)
    if (stopped) return
    if (model !== undefined) work.startFrom(model)
    dispatch({ type: 'synced' })
  }

  const publish = async (round: number): Promise<void> => {
    if (init.isOfOtherEpoch(round)) return init.onEnd({ nextRound: round })
    phases.begin('publish', round)
    const announcement = await work.seal(round)
    if (announcement === undefined) return
    own = announcement
    init.onPublished(round, announcement.body.model.toString())
    await network.announce(announcement)
    work.noteAnnounced()
    pace.published()
    await failpoints.hit('announcement.after-publish')
    phases.begin('collect', round)
    dispatch({ type: 'published', round })
  }

  const aggregate = async (round: number, answers: readonly Answer[]): Promise<void> => {
    phases.begin('aggregate', round)
    const arrived = answers.map((answer) => models.collect(answer, round, work.announcedMs))
    const collected = agreement === undefined ? arrived : await agreement.choose(own!, arrived)
    pace.closed(collected.flatMap((model) => (model.status === 'ready' ? [model.latenessMs] : [])))
    const closed = await work.close(round, collected)
    if (closed === undefined) return
    await witnessing.publish()
    if (agreement !== undefined) {
      const entry = components.lastEntry()!
      await agreement.hold(entry)
      agreement.propose(entry)
    }
    const wire = network.wireBytes()
    const report: RoundReport = {
      ...closed,
      bytesReceived: wire.received - wireBefore.received,
      bytesSent: wire.sent - wireBefore.sent,
      phaseMs: phases.end(),
    }
    wireBefore = wire
    if (agreement === undefined) init.onRound(report)
    else unreported = report
    dispatch({ type: 'aggregated', round })
  }

  const finish = async (): Promise<void> => {
    await writing
    if (agreement !== undefined) await reportCommon(await agreement.lastModel())
    await witnessing.settled()
    init.onEnd({})
  }

  return {
    perform(effect) {
      switch (effect.type) {
        case 'train':
          return background(() => train(effect.round))
        case 'sync':
          return background(() => sync(effect.peers))
        case 'publish':
          return background(() => {
            writing = publish(effect.round)
            return writing
          })
        case 'aggregate':
          return background(() => {
            writing = aggregate(effect.round, effect.answers)
            return writing
          })
        case 'fetch':
          return models.fetch(effect.round, effect.peer)
        case 'forget':
          return models.forget(effect.round)
        case 'arm':
          return timers.arm(effect.timer, effect.round)
        case 'disarm':
          return timers.disarm(effect.timer)
        case 'notice':
          return init.onNotice(effect.notice)
        case 'finish':
          return background(finish)
      }
    },
    async stop() {
      stopped = true
      await writing.catch(() => undefined)
    },
  }
}
