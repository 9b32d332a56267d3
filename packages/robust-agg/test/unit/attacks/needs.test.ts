/** What each attack says it needs is what it reads, and a host can derive it from the topology. */

import { describe, expect, test } from 'vitest'
import {
  type AttackNeed,
  type AttackView,
  createAttack,
  createProbe,
  createSurroundings,
  listAttacks,
} from '../../../src/attacks/index.js'
import { createRule, isRobustAggError } from '../../../src/index.js'
import { createRng } from '../../../src/rng.js'
import { createTopology, fiedlerVector, lazyWeights, metropolisWeights } from '../../../src/topology/index.js'
import { bitsOf, cloud, distance } from '../../support.js'

const D = 9
/** Two cliques of three and a bridge 2 – 3; the attacker 6 knows 2 and 3, the attacker 7 only 3. */
const topology = createTopology(
  {
    name: 'custom',
    edges: [
      [0, 1],
      [0, 2],
      [1, 2],
      [2, 3],
      [3, 4],
      [3, 5],
      [4, 5],
      [2, 6],
      [3, 6],
      [3, 7],
    ],
  },
  8,
  0,
)
const surroundings = createSurroundings({ topology, byzantine: [6, 7] })
const seen = surroundings.honest
const honest = seen.map((node) => cloud(`honest ${node}`, D))
const base: AttackView = {
  own: cloud('attacker', D),
  start: cloud('start', D, 0.9),
  honest,
  round: 1,
  rounds: 10,
  rng: createRng('needs'),
}

/** Everything a host can give for attacker 6 and victim 3. */
function fullView(): AttackView {
  const of = { attacker: 6, victim: 3, seen, model: honest[3], lastModel: cloud('last', D) }
  const round = { own: honest[3], neighbours: [2, 4, 5].map((j) => honest[j]), round: 1, rounds: 10 }
  const rule = createRule('trimmed-mean', { f: 2 })
  return { ...base, ...surroundings.viewOf(of), probe: createProbe({ rule, round, attackers: 2 }) }
}

/** The view without what the need names. */
function without(view: AttackView, need: AttackNeed): AttackView {
  const { victim, recipient, fiedler, probe, ...rest } = view
  const all = { victim, recipient, fiedler, probe }
  if (need === 'last-model') return { ...view, victim: victim && { ...victim, lastModel: undefined } }
  return { ...rest, ...all, [need]: undefined }
}

const NEEDS: readonly AttackNeed[] = ['victim', 'last-model', 'recipient', 'fiedler', 'probe']

describe.each(listAttacks().filter((info) => info.kind === 'model'))('$name', ({ name, needs, uses }) => {
  const craft = (view: AttackView) => {
    const attack = createAttack(name)
    if (attack.kind !== 'model') throw new Error(name)
    expect([attack.needs, attack.uses]).toEqual([needs, uses])
    return bitsOf(attack.craft({ ...view, rng: createRng('needs') }))
  }

  test('reads what it names, and nothing else', () => {
    const full = craft(fullView())
    for (const need of NEEDS) {
      const named = needs.includes(need) || uses.includes(need)
      expect(craft(without(fullView(), need)).join() === full.join(), need).toBe(!named)
    }
    expect(needs.filter((need) => uses.includes(need))).toEqual([])
  })
})

describe('surroundings', () => {
  test('who is honest, whom an attacker reaches, which receiver a victim is', () => {
    expect(seen).toEqual([0, 1, 2, 3, 4, 5])
    expect(surroundings.victims(6)).toEqual([2, 3])
    expect(surroundings.victims(7)).toEqual([3])
    const { recipient } = surroundings.viewOf({ attacker: 6, victim: 3, seen, model: honest[3] })
    expect(recipient).toBe(1)
  })

  test('weights are the topology’s, those of all attackers together', () => {
    for (const mixing of [metropolisWeights(topology), lazyWeights(topology)]) {
      const { victim } = createSurroundings({ topology, byzantine: [6, 7], mixing }).viewOf({
        attacker: 7,
        victim: 3,
        seen: [4, 0, 3, 2],
        model: honest[3],
      })
      const row = mixing[3].neighbours
      const of = (node: number) => row[topology.neighbours(3).indexOf(node)]
      expect(Array.from(victim.honestWeights)).toEqual([of(4), 0, 0, of(2)])
      expect(victim.attackerWeight).toBeCloseTo(of(6) + of(7), 12)
    }
  })

  test('the Fiedler vector is that of the honest graph, in the order of the models', () => {
    const order = [5, 0, 3]
    const view = surroundings.viewOf({ attacker: 6, victim: 2, seen: order, model: honest[2] })
    const whole = fiedlerVector(topology, seen)
    expect(Array.from(view.fiedler)).toEqual(order.map((node) => whole[node]))
    expect(view.victim.fiedler).toBe(whole[2])
    expect(Math.sign(whole[0])).not.toBe(Math.sign(whole[5]))
  })

  test('dissensus through it cancels the honest pull of a gossip step', () => {
    const attack = createAttack('dissensus', { epsilon: 1 })
    if (attack.kind !== 'model') throw new Error()
    const crafted = attack.craft({
      ...base,
      ...surroundings.viewOf({ attacker: 6, victim: 3, seen, model: honest[3] }),
    })
    const list = topology.neighbours(3)
    const { vector } = createRule('average').aggregate({
      own: honest[3],
      neighbours: list.map((node) => honest[node] ?? crafted),
      weights: metropolisWeights(topology)[3].neighbours,
      round: 0,
      rounds: 1,
    })
    expect(distance(vector, honest[3])).toBeLessThan(1e-6)
  })

  test.each([
    [{ attacker: 7, victim: 2 }],
    [{ attacker: 6, victim: 7 }],
    [{ attacker: 1, victim: 2 }],
    [{ attacker: 6, victim: 2, seen: [6] }],
  ])('%o is refused', (of) => {
    let caught: unknown
    try {
      surroundings.viewOf({ seen, model: honest[2], ...of })
    } catch (error) {
      caught = error
    }
    expect(isRobustAggError(caught, 'E_TOPOLOGY')).toBe(true)
  })
})

describe('mimic', () => {
  const D2 = 6
  /** Eight honest models that differ most along the first axis, node 5 the farthest out; small noise elsewhere. */
  const models = (round: number, far = 5, low = 1) =>
    Array.from({ length: 8 }, (_, j) => {
      const rng = createRng('mimic', round, j)
      const along = j === far ? 4 : j === low ? -4 : 0.2 * rng.normal()
      return Float32Array.from({ length: D2 }, (_x, k) => 3 + (k === 0 ? along : 0.05 * rng.normal()))
    })
  const view = (round: number, far?: number, low?: number): AttackView => ({
    own: new Float32Array(D2),
    start: new Float32Array(D2),
    honest: models(round, far, low),
    round,
    rounds: 50,
    rng: createRng('mimic view', round),
  })
  const make = (params = {}) => {
    const attack = createAttack('mimic', params)
    if (attack.kind !== 'model') throw new Error()
    return (of: AttackView) =>
      of.honest.findIndex((x) => bitsOf(x).join() === bitsOf(attack.craft(of)).join())
  }

  test('learns one of the two ends of the direction of largest variance, and stays with that node', () => {
    const target = make({ warmup: 3 })
    const learned = [0, 1, 2].map((round) => target(view(round)))
    expect([1, 5]).toContain(learned[2])
    // After the warm-up it copies the same node, whatever the models are.
    for (let round = 3; round < 8; round++) expect(target(view(round, 6, 2))).toBe(learned[2])
    // Asked twice in a round, for two receivers: the same.
    expect(target(view(8))).toBe(target(view(8)))
  })

  test('while it learns it follows the models; another run begins anew', () => {
    const target = make({ warmup: 50 })
    const before = target(view(0))
    for (let round = 1; round < 30; round++) target(view(round, 6, 2))
    expect([2, 6]).toContain(target(view(30, 6, 2)))
    expect(target(view(0))).toBe(before)
  })

  test('several receivers in a round are one lesson', () => {
    const target = make({ warmup: 2 })
    for (let receiver = 0; receiver < 5; receiver++) target(view(0))
    expect([2, 6]).toContain(target(view(1, 6, 2)))
  })

  test('colluders with streams of their own copy the same node', () => {
    const [one, other] = [make(), make()]
    for (let round = 0; round < 5; round++) {
      expect(one(view(round))).toBe(other({ ...view(round), rng: createRng('another', round) }))
    }
  })

  test('equal models, one model, no model', () => {
    const target = make()
    const same = { ...view(0), honest: Array.from({ length: 3 }, () => new Float32Array(D2).fill(2)) }
    expect(target(same)).toBe(0)
    expect(make()({ ...view(0), honest: models(0).slice(0, 1) })).toBe(0)
    const attack = createAttack('mimic')
    if (attack.kind !== 'model') throw new Error()
    expect(attack.craft({ ...view(0), honest: [] })).toEqual(new Float32Array(D2))
  })
})
