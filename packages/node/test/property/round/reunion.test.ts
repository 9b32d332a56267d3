import { createRng, type Rng } from '@tempered/robust-agg/rng'
import { describe, expect, it } from 'vitest'
import { sized } from '../../../../../test-support/tier.js'
import { createHistory, type Fault, type History, type HistoryInit } from '../../support/round-histories.js'

/** What must hold once the faults are over: within this time, counted in deadlines of a round. */
const DEADLINES_TO_REUNITE = 100

function randomGraph(rng: Rng): number[][] {
  const nodes = 2 + rng.integer(7)
  const links = new Set<string>()
  const link = (a: number, b: number): void => {
    if (a !== b) links.add(a < b ? `${a} ${b}` : `${b} ${a}`)
  }
  const kind = rng.integer(5)
  for (let a = 0; a < nodes; a++) {
    if (kind === 0) for (let b = 0; b < a; b++) link(a, b)
    if (kind === 1) link(a, (a + 1) % nodes)
    if (kind === 2) link(0, a)
    // Two groups in which all are linked, with one link between them.
    if (kind === 3) for (let b = 0; b < a; b++) if (a < nodes / 2 === b < nodes / 2) link(a, b)
    if (kind === 4) for (const far of [1, 2]) link(a, (a + far) % nodes)
  }
  if (kind === 3) link(0, nodes - 1)
  const graph: number[][] = Array.from({ length: nodes }, () => [])
  for (const pair of links) {
    const [a, b] = pair.split(' ').map(Number) as [number, number]
    graph[a]!.push(b)
    graph[b]!.push(a)
  }
  return graph.map((peers) => peers.sort((a, b) => a - b))
}

function randomFaults(rng: Rng, graph: readonly (readonly number[])[], calmMs: number): Fault[] {
  const faults: Fault[] = []
  for (let left = 1 + rng.integer(6); left > 0; left--) {
    const fromMs = rng.uniform() * calmMs
    const toMs = fromMs + rng.uniform() * (calmMs - fromMs)
    const node = rng.integer(graph.length)
    const kind = rng.integer(4)
    if (kind === 0) faults.push({ kind: 'pause', node, fromMs, toMs })
    else if (kind === 1)
      faults.push({ kind: 'kill', node, fromMs, toMs: rng.integer(3) === 0 ? Infinity : toMs })
    else if (kind === 2) {
      const peers = graph[node]!
      faults.push({ kind: 'cut', link: [node, peers[rng.integer(peers.length)]!], fromMs, toMs })
    } else {
      // A partition: every link between two groups.
      const side = graph.map(() => rng.integer(2))
      graph.forEach((peers, a) => {
        for (const b of peers)
          if (a < b && side[a] !== side[b]) faults.push({ kind: 'cut', link: [a, b], fromMs, toMs })
      })
    }
  }
  return faults
}

function together(history: History): boolean {
  const rounds = history.rounds()
  return history.links().every(([a, b]) => Math.abs(rounds.get(a)! - rounds.get(b)!) <= 1)
}

/** Milliseconds after the last fault until linked nodes are within one round of one another and stay there. */
function reunionMs(seed: number): number {
  const rng = createRng(seed, 'reunion')
  const graph = randomGraph(rng)
  const calmMs = 5_000 + rng.uniform() * 25_000
  const trainMs = 100 + rng.uniform() * 400
  const collectMs = trainMs * (4 + rng.uniform() * 16)
  const history = createHistory({
    rng,
    graph,
    faults: randomFaults(rng, graph, calmMs),
    loss: rng.integer(2) * rng.uniform() * 0.3,
    calmMs,
    trainMs,
    collectMs,
    latencyMs: 2 + rng.uniform() * 20,
  })
  history.advanceTo(calmMs)
  const limitMs = calmMs + DEADLINES_TO_REUNITE * collectMs
  for (;;) {
    while (!together(history)) {
      if (history.nowMs > limitMs) return Number.POSITIVE_INFINITY
      history.advanceTo(history.nowMs + trainMs / 2)
    }
    // They must stay together, and rounds must go on.
    const sinceMs = history.nowMs
    const before = history.rounds()
    let stays = true
    for (let k = 0; k < 16 && stays; k++) {
      history.advanceTo(history.nowMs + trainMs / 2)
      stays = together(history)
    }
    const linked = new Set(history.links().flat())
    const stuck = [...history.rounds()].some(
      ([node, round]) => linked.has(node) && round <= before.get(node)!,
    )
    if (stays && !stuck) return sinceMs - calmMs
    if (history.nowMs > limitMs) return Number.POSITIVE_INFINITY
  }
}

describe('rounds after random faults', () => {
  it('bring together again whoever is alive and connected', { timeout: 3_600_000 }, () => {
    const apart: number[] = []
    for (let seed = 0; seed < sized(200, 4_000); seed++)
      if (reunionMs(seed) === Number.POSITIVE_INFINITY) apart.push(seed)
    expect(apart).toEqual([])
  })
})

describe('a node whose neighbours stand still', () => {
  const alone = (collectMs: number): number => {
    const history = createHistory({
      rng: createRng('alone'),
      graph: [
        [1, 2],
        [0, 2],
        [0, 1],
      ],
      faults: [1, 2].map((node) => ({ kind: 'pause', node, fromMs: 3_000, toMs: 17_000 })),
      loss: 0,
      calmMs: 17_000,
      trainMs: 100,
      collectMs,
      latencyMs: 2,
    })
    history.advanceTo(3_000)
    const before = history.rounds().get(0)!
    history.advanceTo(17_000)
    return history.rounds().get(0)! - before
  }

  it('makes one round per deadline', () => {
    expect(alone(2_000)).toBeLessThanOrEqual(8)
    expect(alone(4_000)).toBeLessThanOrEqual(4)
  })
})

describe('four nodes', () => {
  const four = (init: Pick<HistoryInit, 'stallers' | 'transferMs'>): History =>
    createHistory({
      rng: createRng('four'),
      graph: [0, 1, 2, 3].map((node) => [0, 1, 2, 3].filter((other) => other !== node)),
      faults: [],
      loss: 0,
      calmMs: 0,
      trainMs: 200,
      collectMs: 60_000,
      latencyMs: 2,
      ...init,
    })
  const roundsBetween = (history: History, fromMs: number, toMs: number): number => {
    history.advanceTo(fromMs)
    const before = history.rounds().get(0)!
    history.advanceTo(toMs)
    return history.rounds().get(0)! - before
  }

  it('lose less than a fifth of a round to one that announces and never serves, after three rounds', () => {
    const usual = roundsBetween(four({}), 10_000, 130_000)
    const stalled = four({ stallers: [3] })
    expect(roundsBetween(stalled, 1_000, 10_000)).toBeGreaterThan(3)
    expect(roundsBetween(stalled, 10_000, 130_000)).toBeGreaterThan(usual / 1.2)
    const givenUp = stalled.notices.filter(({ kind }) => kind === 'given-up')
    expect(givenUp.map(({ node }) => node).sort()).toEqual([0, 1, 2])
  })

  it('wait for an honest one behind a slow link, round after round', () => {
    const history = four({ transferMs: { 3: 1_400 } })
    history.advanceTo(60_000)
    expect(history.rounds().get(0)).toBeGreaterThan(30)
    expect(history.notices).toEqual([])
  })
})
