import type { Rng } from '@tempered/robust-agg/rng'
import { deadlineOf } from '../../src/clock.js'
import { initialState, step } from '../../src/round/machine.js'
import { createPace } from '../../src/round/pace.js'
import { createRoundTimers } from '../../src/round/round-timers.js'
import { createRunProgress } from '../../src/round/run-progress.js'
import { silentNeighbours } from '../../src/round/silent-neighbours.js'
import type { Notice, RoundEffect, RoundEvent, RoundState } from '../../src/round/state.js'
import { createTimerHeap } from '../../src/simulation/timer-heap.js'

/**
 * The round machines of many nodes with their real timers and pace, over a network that loses, delays and is cut, in
 * virtual time. Training, models and signatures are left out: what is tested is who waits for whom.
 */
export interface HistoryInit {
  readonly rng: Rng
  /** Neighbours of each node, symmetric. */
  readonly graph: readonly (readonly number[])[]
  readonly faults: readonly Fault[]
  /** Part of all gossip messages that are lost before `calmMs`. */
  readonly loss: number
  /** From here on nothing goes wrong any more. */
  readonly calmMs: number
  readonly trainMs: number
  readonly collectMs: number
  readonly latencyMs: number
  /** Nodes that announce their models and never serve them. */
  readonly stallers?: readonly number[]
  /** Milliseconds that a transfer from a node takes in addition. */
  readonly transferMs?: Readonly<Record<number, number>>
}

export type Fault =
  /** The process stands still; its timers pass when it goes on. */
  | { readonly kind: 'pause'; readonly node: number; readonly fromMs: number; readonly toMs: number }
  /** The process dies and starts again with its ledger; `toMs` Infinity: it stays away. */
  | { readonly kind: 'kill'; readonly node: number; readonly fromMs: number; readonly toMs: number }
  | {
      readonly kind: 'cut'
      readonly link: readonly [number, number]
      readonly fromMs: number
      readonly toMs: number
    }

export interface History {
  readonly nowMs: number
  /** Fires every timer that falls due until then. */
  advanceTo(ms: number): void
  /** Nodes that are not gone for good, with the round that each is in. */
  rounds(): ReadonlyMap<number, number>
  /** What each node has reported. */
  readonly notices: readonly (Notice & { readonly node: number })[]
  /** Linked pairs of nodes that are both there. */
  links(): readonly (readonly [number, number])[]
}

const ROUNDS = 1_000_000
const RECONNECT_MS = 2_000
const POLL_MS = 1_000
const FIRST_BYTE_MS = 1_500
const PATIENCE_ROUNDS = 2

interface Process {
  readonly index: number
  state: RoundState
  dispatch(event: RoundEvent): void
  hear(author: number, round: number): void
  announced: number[]
}

export function createHistory(init: HistoryInit): History {
  const { rng, graph, faults } = init
  const heap = createTimerHeap()
  let nowMs = 0
  let sequence = 0
  const notices: (Notice & { readonly node: number })[] = []
  const processes: (Process | undefined)[] = graph.map(() => undefined)
  /** Rounds in each ledger. */
  const written = graph.map(() => 0)
  const name = (index: number): string => `n${index}`
  const indexOf = (peer: string): number => Number(peer.slice(1))

  const during = (from: number, to: number): boolean => nowMs >= from && nowMs < to
  const pausedUntil = (node: number): number => {
    let until = 0
    for (const fault of faults)
      if (fault.kind === 'pause' && fault.node === node && during(fault.fromMs, fault.toMs))
        until = Math.max(until, fault.toMs)
    return until
  }
  const isCut = (a: number, b: number): boolean =>
    faults.some(
      (fault) =>
        fault.kind === 'cut' &&
        fault.link.includes(a) &&
        fault.link.includes(b) &&
        during(fault.fromMs, fault.toMs),
    )
  const connected = (a: number, b: number): boolean =>
    processes[a] !== undefined && processes[b] !== undefined && !isCut(a, b)

  /** Runs `callback` at a node after a delay, later if the node stands still then, and never if it has died since. */
  const at = (node: number, delayMs: number, callback: () => void): (() => void) => {
    const process = processes[node]
    const due = (): void => {
      if (processes[node] !== process) return
      const until = pausedUntil(node)
      if (until > nowMs) timer.callback = undefined
      if (until > nowMs) cancel = at(node, until - nowMs, callback)
      else callback()
    }
    const timer = {
      dueMs: nowMs + Math.max(0, delayMs),
      owner: node,
      sequence: sequence++,
      callback: due as (() => void) | undefined,
    }
    heap.push(timer)
    let cancel = (): void => {
      timer.callback = undefined
    }
    return () => cancel()
  }
  const always = (delayMs: number, callback: () => void): void =>
    heap.push({ dueMs: nowMs + delayMs, owner: -1, sequence: sequence++, callback })
  const delay = (): number => init.latencyMs * (0.5 + rng.uniform())
  const isLost = (): boolean => nowMs < init.calmMs && rng.uniform() < init.loss

  /** Members that gossip reaches from a node: over any path of connections. */
  const reachable = (from: number): number[] => {
    const seen = new Set([from])
    for (const node of seen)
      for (const next of graph[node]!) if (!seen.has(next) && connected(node, next)) seen.add(next)
    seen.delete(from)
    return [...seen]
  }

  const begin = (index: number): void => {
    const neighbours = graph[index]!.map(name)
    const after = (delayMs: number, callback: () => void): (() => void) => at(index, delayMs, callback)
    const clock = {
      wallMs: () => nowMs,
      monotonicMs: () => nowMs,
      after,
      deadline: (delayMs: number, parent?: AbortSignal) => deadlineOf(after, delayMs, parent),
    }
    const pace = createPace(clock, { joinMs: 5_000, collectMs: init.collectMs })
    const progress = createRunProgress(graph.length)
    const timers = createRoundTimers(clock, pace, (timer, round) =>
      dispatch({ type: 'timeout', timer, round }),
    )
    const queue: RoundEvent[] = []
    let draining = false

    const perform = (effect: RoundEffect): void => {
      switch (effect.type) {
        case 'train':
          after(init.trainMs * (0.8 + 0.4 * rng.uniform()), () => dispatch({ type: 'trained' }))
          return
        case 'sync':
          after(delay() * 4, () => dispatch({ type: 'synced' }))
          return
        case 'publish': {
          process.announced = [...process.announced.slice(-3), effect.round]
          pace.published()
          for (const member of reachable(index)) {
            if (!isLost()) at(member, delay(), () => processes[member]?.hear(index, effect.round))
          }
          after(1, () => dispatch({ type: 'published', round: effect.round }))
          return
        }
        case 'fetch':
          fetch(indexOf(effect.peer), effect.round, effect.model)
          return
        case 'aggregate': {
          pace.closed(effect.answers.some(({ status }) => status === 'ready') ? [init.latencyMs * 3] : [])
          after(1, () => {
            written[index] = effect.round + 1
            dispatch({ type: 'aggregated', round: effect.round })
          })
          return
        }
        case 'arm':
          timers.arm(effect.timer, effect.round)
          return
        case 'disarm':
          timers.disarm(effect.timer)
          return
        case 'notice':
          notices.push({ node: index, ...effect.notice })
          return
        default:
          return
      }
    }

    const fetch = (peer: number, round: number, model: string): void => {
      let over = false
      const end = (event: RoundEvent): void => {
        if (!over) dispatch(event)
        over = true
      }
      const fail = (code: string) => (): void =>
        end({ type: 'fetch-failed', peer: name(peer), round, model, code })
      after(FIRST_BYTE_MS, fail('E_TIMEOUT'))
      if (!connected(index, peer)) {
        after(delay(), fail('E_NO_CONNECTION'))
        return
      }
      if (init.stallers?.includes(peer)) return
      at(peer, delay(), () => {
        if (!connected(index, peer)) return
        at(index, delay() + (init.transferMs?.[peer] ?? 0), () =>
          end({ type: 'fetched', peer: name(peer), round, model }),
        )
      })
    }

    const poll = (): void => {
      const { phase, round } = process.state
      if (phase === 'collecting') {
        for (const peer of silentNeighbours(process.state).map(indexOf)) {
          if (!connected(index, peer)) continue
          at(peer, delay(), () => {
            const rounds = processes[peer]!.announced.filter((other) => other >= round)
            if (!connected(index, peer)) return
            at(index, delay(), () => {
              for (const other of rounds) hear(peer, other)
              const newest = Math.max(-1, ...rounds)
              if (process.state.round === round && newest > round && !rounds.includes(round))
                dispatch({ type: 'passed', peer: name(peer), round })
            })
          })
        }
      }
      after(POLL_MS, poll)
    }

    const dispatch = (event: RoundEvent): void => {
      queue.push(event)
      if (draining) return
      draining = true
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const result = step(process.state, next)
        process.state = result.state
        result.effects.forEach(perform)
      }
      draining = false
    }

    const hear = (author: number, round: number): void => {
      const run = progress.heard(name(author), round)
      if (run !== undefined) dispatch({ type: 'run-progress', round: run })
      if (graph[index]!.includes(author))
        dispatch({ type: 'announced', peer: name(author), round, model: `${author}:${round}` })
    }

    const process: Process = {
      index,
      state: initialState({
        rounds: ROUNDS,
        neighbours,
        patienceRounds: PATIENCE_ROUNDS,
        spread: eccentricity(graph, index),
      }),
      dispatch,
      hear,
      announced: [],
    }
    processes[index] = process
    dispatch({ type: 'start', round: written[index]!, pending: false })
    after(POLL_MS, poll)
    for (const peer of graph[index]!) meet(index, peer)
  }

  /** Two neighbours are connected: each learns how far the other is. */
  const meet = (a: number, b: number): void => {
    if (!connected(a, b)) return
    for (const [node, other] of [
      [a, b],
      [b, a],
    ] as const) {
      at(node, delay(), () => {
        if (!connected(a, b)) return
        const newestRound = Math.max(-1, ...processes[other]!.announced)
        processes[node]!.dispatch({ type: 'neighbour-up', peer: name(other), newestRound })
        for (const round of processes[other]!.announced.slice(-1)) processes[node]!.hear(other, round)
      })
    }
  }

  const part = (a: number, b: number): void => {
    for (const [node, other] of [
      [a, b],
      [b, a],
    ] as const) {
      if (processes[node] === undefined) continue
      at(node, RECONNECT_MS, () => {
        if (!connected(a, b)) processes[node]!.dispatch({ type: 'neighbour-down', peer: name(other) })
      })
    }
  }

  for (let index = 0; index < graph.length; index++) always(rng.uniform() * 500, () => begin(index))
  for (const fault of faults) {
    if (fault.kind === 'cut') {
      const [a, b] = fault.link
      always(fault.fromMs, () => part(a, b))
      always(fault.toMs, () => meet(a, b))
    } else if (fault.kind === 'kill') {
      always(fault.fromMs, () => {
        if (processes[fault.node] === undefined) return
        processes[fault.node] = undefined
        for (const peer of graph[fault.node]!) part(fault.node, peer)
      })
      if (fault.toMs !== Number.POSITIVE_INFINITY)
        always(fault.toMs, () => {
          if (processes[fault.node] === undefined) begin(fault.node)
        })
    }
  }

  return {
    get nowMs() {
      return nowMs
    },
    advanceTo(ms) {
      for (let next = heap.peek(); next !== undefined && next.dueMs <= ms; next = heap.peek()) {
        heap.pop()
        nowMs = next.dueMs
        next.callback?.()
      }
      nowMs = ms
    },
    notices,
    rounds: () =>
      new Map(
        processes.flatMap((process) => (process === undefined ? [] : [[process.index, process.state.round]])),
      ),
    links: () =>
      graph.flatMap((peers, a) => peers.filter((b) => a < b && connected(a, b)).map((b) => [a, b] as const)),
  }
}

function eccentricity(graph: readonly (readonly number[])[], from: number): number {
  const distance = new Map([[from, 0]])
  for (const [node, hops] of distance)
    for (const next of graph[node]!) if (!distance.has(next)) distance.set(next, hops + 1)
  return Math.max(...distance.values())
}
