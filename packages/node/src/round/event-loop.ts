import { step } from './machine.js'
import type { RoundEffect, RoundEvent, RoundState } from './state.js'

/** Holds the state of the round machine and feeds it one event at a time, in the order in which they came. */
export interface EventLoop {
  readonly state: RoundState
  /** Events that arrive while another one is being handled wait for their turn. */
  dispatch(event: RoundEvent): void
  /** Drops every event from now on. */
  stop(): void
}

export interface EventLoopInit {
  readonly initial: RoundState
  /** The machine enters another phase; `next` is the state that is about to be the current one. */
  onPhase(next: RoundState): void
  perform(effect: RoundEffect): void
  /** `onPhase` or `perform` threw. */
  onError(error: unknown): void
}

export function createEventLoop(init: EventLoopInit): EventLoop {
  let { initial: state } = init
  let stopped = false
  let draining = false
  const queue: RoundEvent[] = []

  const handle = (event: RoundEvent): void => {
    const result = step(state, event)
    if (result.state.phase !== state.phase) init.onPhase(result.state)
    state = result.state
    for (const effect of result.effects) init.perform(effect)
  }

  return {
    get state() {
      return state
    },
    dispatch(event) {
      queue.push(event)
      if (draining) return
      draining = true
      try {
        for (let next = queue.shift(); next !== undefined && !stopped; next = queue.shift()) handle(next)
      } catch (error) {
        init.onError(error)
      } finally {
        draining = false
      }
    },
    stop() {
      stopped = true
    },
  }
}
