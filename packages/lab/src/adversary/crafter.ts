import { manifestInitialParameters } from '@tempered/node'
import { createRule, listRules } from '@tempered/robust-agg'
import {
  type AttackKnowledge,
  type AttackSurroundings,
  type AttackView,
  createProbe,
  createSurroundings,
  type ModelAttack,
} from '@tempered/robust-agg/attacks'
import { createRng } from '@tempered/robust-agg/rng'
import type { Topology } from '@tempered/robust-agg/topology'
import type { AdversaryInit, Crafter } from './types.js'

/** @param knowledge whose honest models of the round the attacker sees */
export function createCrafter(attack: ModelAttack, knowledge: AttackKnowledge, init: AdversaryInit): Crafter {
  const { node, manifest, topology, models } = init
  const neighbours = topology.graph.neighbours(node.index)
  const seen =
    knowledge === 'all'
      ? init.honest
      : knowledge === 'neighbours'
        ? init.honest.filter((other) => neighbours.includes(other))
        : []
  const asks = new Set([...attack.needs, ...attack.uses])
  const { byzantine, surroundings } = placesOf(topology.graph, init.honest)
  // All neighbours get the same model, so the attack targets one of them: the first honest one.
  const victim = surroundings.victims(node.index)[0]
  // Nobody else can evaluate a rule that uses its victim's own data. The search then keeps its first guess.
  const probed =
    asks.has('probe') && !judgesByOwnData(manifest.rule.name)
      ? createRule(manifest.rule.name, manifest.rule.params, { pre: manifest.rule.pre })
      : undefined
  const initial =
    probed?.usesInitial === true ? (init.initialParameters ?? manifestInitialParameters(manifest)) : undefined
  const limitMs = manifest.deadlines.collectMs / 2

  /** The part of the view that describes the victim, for attacks that target one. */
  const victimView = async (
    round: number,
    start: Float32Array,
    honestModels: readonly Float32Array[],
  ): Promise<Partial<AttackView>> => {
    if (victim === undefined || asks.size === 0) return {}
    const at = seen.indexOf(victim)
    const model = at >= 0 ? honestModels[at] : (await models.collect(round, [victim], limitMs))[0]
    if (model === undefined || honestModels.length !== seen.length) return {}
    const [lastModel] =
      asks.has('last-model') && round > 0 ? await models.collect(round - 1, [victim], limitMs) : []
    const view = surroundings.viewOf({ attacker: node.index, victim, seen, model, lastModel })
    if (probed === undefined) return view
    const around = topology.graph.neighbours(victim)
    // Nobody else knows the victim's start of the round or its state. The attacker's own start is the best estimate,
    // and every round is treated as the first.
    const probe = createProbe({
      rule: probed,
      round: {
        own: model,
        previous: start,
        initial,
        neighbours: seen.flatMap((index, k) => (around.includes(index) ? [honestModels[k]!] : [])),
        round,
        rounds: manifest.training.rounds,
      },
      attackers: around.filter((index) => byzantine.has(index)).length,
    })
    return { ...view, probe }
  }

  return async (round, trained, start, recipient) => {
    const honestModels = await models.collect(round, seen, limitMs)
    return attack.craft({
      own: trained,
      start,
      honest: honestModels,
      round,
      rounds: manifest.training.rounds,
      rng: createRng(manifest.seed, 'attack', node.index, round),
      ...(await victimView(round, start, honestModels)),
      recipient,
    })
  }
}

interface Places {
  readonly topology: Topology
  readonly byzantine: ReadonlySet<number>
  readonly surroundings: AttackSurroundings
}

const known = new WeakMap<readonly number[], Places>()

/** The same object for the same nodes: the attackers of a process share it. */
function placesOf(topology: Topology, honest: readonly number[]): Places {
  const found = known.get(honest)
  if (found?.topology === topology) return found
  const byzantine = new Set(Array.from({ length: topology.n }, (_, index) => index))
  for (const index of honest) byzantine.delete(index)
  const places = {
    topology,
    byzantine,
    surroundings: createSurroundings({ topology, byzantine: [...byzantine] }),
  }
  known.set(honest, places)
  return places
}

function judgesByOwnData(rule: string): boolean {
  return listRules().some(({ name, needsEvaluator }) => name === rule && needsEvaluator)
}
