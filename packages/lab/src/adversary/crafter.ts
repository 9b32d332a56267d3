import { manifestInitialParameters } from '@tempered/node'
import { createRule, listRules } from '@tempered/robust-agg'
import {
  type AttackKnowledge,
  type AttackView,
  createProbe,
  createSurroundings,
  type ModelAttack,
} from '@tempered/robust-agg/attacks'
import { createRng } from '@tempered/robust-agg/rng'
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
  const byzantine = manifest.members.map((_, index) => index).filter((index) => !init.honest.includes(index))
  const surroundings = createSurroundings({ topology: topology.graph, byzantine })
  // One model goes to everyone, so one neighbour is aimed at: the first honest one.
  const victim = surroundings.victims(node.index)[0]
  // What a rule makes of its victim's own data nobody else can ask: there the search stays with its first guess.
  const probed =
    asks.has('probe') && !judgesByOwnData(manifest.rule.name)
      ? createRule(manifest.rule.name, manifest.rule.params, { pre: manifest.rule.pre })
      : undefined
  const initial = probed?.usesInitial === true ? manifestInitialParameters(manifest) : undefined
  const limitMs = manifest.deadlines.collectMs / 2

  /** What the view holds of the victim, for attacks that look at one. */
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
    // Where the victim began the round and what it remembers nobody else knows: the attacker's own start is as near as it
    // gets, and every round is a first.
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
      attackers: around.filter((index) => byzantine.includes(index)).length,
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

function judgesByOwnData(rule: string): boolean {
  return listRules().some(({ name, needsEvaluator }) => name === rule && needsEvaluator)
}
