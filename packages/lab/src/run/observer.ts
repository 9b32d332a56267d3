import type { Observed, RunEvent } from '../events/run-event.js'
import type { RunPlan } from '../scenario/plan.js'
import type { BackdoorMeter } from './backdoor-meter.js'
import { createConsensusMeter } from './consensus-meter.js'

/** Measures the honest nodes' models of evaluated rounds from outside, which no node could do. */
export interface Observer {
  /** Every event of the run, in order. */
  event(event: RunEvent): void
  /** Resolves when everything that was seen has been measured. */
  settled(): Promise<void>
  close(): Promise<void>
}

export interface ObserverInit {
  readonly plan: RunPlan
  /** A model that a node currently holds. */
  readModel(index: number, cid: string): Promise<Float32Array | undefined>
  /** Measures backdoors; undefined when there is none. */
  readonly backdoor: BackdoorMeter | undefined
  onObserved(observed: Observed): void
}

interface Round {
  readonly seen: Set<number>
  readonly consensus: ReturnType<typeof createConsensusMeter>
  readonly attackSuccess: Record<number, number>
  readonly work: Promise<void>[]
  missing: boolean
}

export function createObserver(init: ObserverInit): Observer {
  const { plan, readModel, backdoor } = init
  const honest = new Set(plan.nodes.filter(({ attack }) => attack === undefined).map(({ index }) => index))
  const { parameterCount } = plan.run.manifest.model
  const rounds = new Map<number, Round>()
  const reporting = new Set<Promise<void>>()

  const measure = async (round: Round, index: number, cid: string): Promise<void> => {
    const model = await readModel(index, cid)
    if (model === undefined) {
      round.missing = true
      return
    }
    round.consensus.add(model)
    const rate = await backdoor?.successOf(model)
    if (rate !== undefined) round.attackSuccess[index] = rate
  }

  /** All honest nodes that are still present have reported this round. */
  const reportIfComplete = (number: number, round: Round): void => {
    for (const index of honest) if (!round.seen.has(index)) return
    rounds.delete(number)
    const report = (async () => {
      await Promise.all(round.work)
      const { consensus, attackSuccess, missing } = round
      init.onObserved({
        type: 'observed',
        round: number,
        consensusDistance: missing ? null : consensus.distance(),
        attackSuccess,
      })
    })().finally(() => reporting.delete(report))
    reporting.add(report)
  }

  const leave = (index: number): void => {
    honest.delete(index)
    for (const [number, round] of [...rounds]) reportIfComplete(number, round)
  }

  return {
    event(event) {
      if (event.type === 'failed') leave(event.index)
      if (event.type !== 'round' || !honest.has(event.index) || event.report.testMetric === null) return
      const { index, report } = event
      const round = rounds.get(report.round) ?? {
        seen: new Set(),
        consensus: createConsensusMeter(parameterCount),
        attackSuccess: {},
        work: [],
        missing: false,
      }
      rounds.set(report.round, round)
      round.seen.add(index)
      round.work.push(measure(round, index, report.aggregateCid))
      reportIfComplete(report.round, round)
    },
    async settled() {
      await Promise.all(reporting)
    },
    close: async () => backdoor?.close(),
  }
}
