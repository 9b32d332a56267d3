import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { ReportedRound } from '../../src/events/reported-round.js'

/** A made-up run, written as `cluster run` writes one. Nodes stand in a ring with chords of length 2. */
export interface RunFixture {
  readonly name?: string
  readonly seed?: number
  readonly rule: string
  readonly nodes?: number
  readonly rounds?: number
  /** Rounds that were played; fewer than `rounds` in a run that was stopped. */
  readonly played?: number
  readonly attackers?: readonly number[]
  readonly attack?: string
  /** Test accuracy by node and round (both from 0). */
  accuracy(node: number, round: number): number | null
  /** Whether a node accepts a neighbour's model. */
  accepts(node: number, neighbour: number, round: number): boolean
  readonly observed?: boolean
  /** Attackers are named as drawn by the plan, not by the scenario. */
  readonly drawn?: boolean
  /** First and last round of the attack, from 1. */
  readonly attackRounds?: readonly [number, number]
  /** As folders of the first versions are: no windows among the drawn, no memory by round. */
  readonly isOld?: boolean
  /** First round, from 0, that a node does not report, by node. */
  readonly silentFrom?: Readonly<Record<number, number>>
  /** Whether there is a data.json. */
  readonly labelled?: boolean
  /** Further lines of events.ndjson. */
  readonly events?: readonly object[]
}

export function writeRun(folder: string, fixture: RunFixture): void {
  const { seed = 1, nodes = 6, rounds = 4, attackers = [], attack = 'sign-flip-model' } = fixture
  mkdirSync(folder, { recursive: true })
  const who = fixture.drawn ? { fraction: 0.2 } : { nodes: [...attackers] }
  const { attackRounds: [from, to] = [1, rounds] } = fixture
  const window = { from, to }
  const scenario = {
    name: fixture.name ?? 'made-up',
    seed,
    nodes,
    topology: { name: 'made-up', params: {} },
    data: { source: 'mnist', split: { kind: 'label-groups', h: 0.8 } },
    model: 'softmax',
    training: { rounds, localSteps: 5 },
    rule: { name: fixture.rule, pre: [] },
    adversaries: attackers.length === 0 ? [] : [{ ...who, attack: { name: attack, params: {} }, ...window }],
    ...(fixture.drawn
      ? { attackers: attackers.map((node) => ({ node, attack, ...(fixture.isOld ? {} : window) })) }
      : {}),
    run: `run-${fixture.rule}-${seed}`,
    versions: { tempered: '0.0.0', node: 'v20' },
  }
  const members = Array.from({ length: nodes }, (_, k) => `peer-${k}`)
  const manifest = { rule: { name: fixture.rule }, training: { rounds }, members }
  const lines: object[] = [{ elapsedMs: 0, type: 'ready', backend: 'cpu', notice: '' }]
  for (let round = 0; round < (fixture.played ?? rounds); round++) {
    for (let index = 0; index < nodes; index++) {
      if (round >= (fixture.silentFrom?.[index] ?? rounds)) continue
      const elapsedMs = 1000 * (round + 1) + index
      lines.push({ elapsedMs, type: 'round', index, report: report(fixture, index, round, nodes) })
    }
    if (fixture.observed) {
      const honest = members.flatMap((_, k) => (attackers.includes(k) ? [] : [[k, 0.1 * (k + 1)]]))
      lines.push({
        elapsedMs: 1000 * (round + 1) + nodes,
        type: 'observed',
        round,
        consensusDistance: 2 / (round + 1),
        attackSuccess: Object.fromEntries(honest),
      })
    }
  }
  lines.push(...(fixture.events ?? []), { elapsedMs: 9999, type: 'memory', residentBytes: 6e6 })
  writeFileSync(join(folder, 'scenario.yaml'), stringify(scenario))
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest))
  if (fixture.labelled) {
    const counts = (node: number) =>
      Array.from({ length: 10 }, (_, label) => (label === node % 10 ? 90 : 7 * label))
    const width = Math.max(2, String(nodes - 1).length)
    const byName = members.map((_, node) => [`node-${String(node).padStart(width, '0')}`, counts(node)])
    writeFileSync(join(folder, 'data.json'), JSON.stringify(Object.fromEntries(byName)))
  }
  writeFileSync(join(folder, 'events.ndjson'), `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`)
  writeFileSync(
    join(folder, 'summary.json'),
    JSON.stringify({ ledgers: { checked: nodes, valid: nodes, bad: [] } }),
  )
}

function report(fixture: RunFixture, index: number, round: number, nodes: number): ReportedRound {
  const neighbours = [...new Set([1, 2, nodes - 1, nodes - 2].map((step) => (index + step) % nodes))]
  return {
    round,
    trainingLoss: 1 / (round + 1),
    testLoss: 1,
    testMetric: fixture.accuracy(index, round),
    neighbours: neighbours
      .filter((other) => other !== index)
      .map((other) => {
        const accepted = fixture.accepts(index, other, round)
        return {
          peer: `peer-${other}`,
          accepted,
          weight: accepted ? 0.25 : 0,
          score: 1,
          threshold: 2,
          reason: accepted ? 'accepted' : 'distance-above-threshold',
          arrival: 0,
          latenessMs: 0,
        }
      }),
    modelCid: 'm',
    aggregateCid: 'a',
    entryCid: 'e',
    bytesReceived: 1000,
    bytesSent: 500,
    ...(fixture.isOld ? {} : { residentBytes: 2e7 }),
    phaseMs: { train: 500, publish: 100, collect: 200, aggregate: 100, evaluate: 50, ledger: 50 },
  }
}

/** The four variants of a scenario with attackers 2 and 5 of 6 nodes, under `<variant>/seed-<n>/run`. */
export function writeScenarioRuns(
  folder: string,
  seeds: readonly number[],
  more: Partial<RunFixture> = {},
): void {
  const attackers = [2, 5]
  for (const seed of seeds) {
    const grow = (top: number) => (node: number, round: number) =>
      Math.max(0, top - 0.4 / (round + 1) - 0.01 * node - 0.01 * seed)
    const base = { seed, observed: true, ...more }
    const run = (variant: string): string => join(folder, variant, `seed-${seed}`, 'run')
    writeRun(run('attacked'), {
      ...base,
      rule: 'balance',
      attackers,
      accuracy: grow(0.9),
      accepts: (_, other, round) => !attackers.includes(other) && !(other === 1 && round === 0),
    })
    writeRun(run('honest'), {
      ...base,
      rule: 'balance',
      accuracy: grow(0.92),
      accepts: (_, other) => other !== 3,
    })
    writeRun(run('undefended'), {
      ...base,
      rule: 'average',
      attackers,
      accuracy: grow(0.4),
      accepts: () => true,
    })
    writeRun(run('baseline'), { ...base, rule: 'average', accuracy: grow(0.94), accepts: () => true })
  }
}

/** A matrix of three rules, one attack and two seeds, one rule failed under attack. */
export function madeUpMatrix(): object {
  const cells = ['average', 'krum', 'median'].flatMap((rule) =>
    ['none', 'ipm'].flatMap((attack) =>
      [1, 2].map((seed) => {
        const failed = rule === 'median' && attack === 'ipm'
        const worst = (rule === 'average' && attack === 'ipm' ? 0.2 : 0.8) + 0.01 * seed
        return {
          id: `${rule}-${attack}-${seed}`,
          rule,
          attack,
          fraction: attack === 'none' ? 0 : 0.2,
          topology: 'ring',
          split: 'iid',
          seed,
          status: failed ? 'failed' : 'done',
          ...(failed ? { error: 'E_TOO_FEW_NODES: <b>n</b> is too small' } : {}),
          measures: failed
            ? null
            : { worstHonestAccuracy: worst, meanHonestAccuracy: worst, honestRefused: 0.1 },
        }
      }),
    ),
  )
  const axes = {
    rule: ['average', 'krum', 'median'],
    attack: ['none', 'ipm'],
    fraction: [0, 0.2],
    topology: ['ring'],
    split: ['iid'],
    seed: [1, 2],
  }
  return { kind: 'tempered/matrix', axes, cells, lab: 'rules: …', versions: { tempered: '0.0.0' } }
}
