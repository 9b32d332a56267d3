/** All attacks by name. */

import { RobustAggError } from '../errors.js'
import { hint, nearestName } from '../nearest-name.js'
import { type Parameters, resolveParameters } from '../parameters.js'
import { alie } from './alie.js'
import { dissensus } from './dissensus.js'
import { gaussian } from './gaussian.js'
import { ipm } from './ipm.js'
import { labelFlip } from './label-flip.js'
import { signFlipModel, signFlipUpdate } from './sign-flip.js'
import type { Attack, AttackInfo, AttackView, DataAttackDefinition, ModelAttackDefinition } from './types.js'

const definitions: readonly (DataAttackDefinition | ModelAttackDefinition)[] = [
  labelFlip,
  signFlipModel,
  signFlipUpdate,
  gaussian,
  ipm,
  alie,
  dissensus,
]

const byName = new Map<string, DataAttackDefinition | ModelAttackDefinition>(
  definitions.map((definition) => [definition.info.name, definition]),
)

function isDataDefinition(
  definition: DataAttackDefinition | ModelAttackDefinition,
): definition is DataAttackDefinition {
  return definition.info.kind === 'data'
}

function checkView(attack: string, view: AttackView): void {
  const fail = (field: string, problem: string): never => {
    throw new RobustAggError('E_ATTACK_VIEW', `attack '${attack}': view.${field} ${problem}.`, {
      attack,
      field,
      problem,
    })
  }
  const d = view.own.length
  const checkLength = (field: string, x: Float32Array): void => {
    if (x.length !== d) fail(field, `has ${x.length} values, but own has ${d}`)
  }
  checkLength('start', view.start)
  view.honest.forEach((x, j) => {
    checkLength(`honest[${j}]`, x)
  })
  if (view.victim === undefined) return
  checkLength('victim.model', view.victim.model)
  const { honestWeights, attackerWeight } = view.victim
  if (honestWeights.length !== view.honest.length) {
    fail('victim.honestWeights', `has ${honestWeights.length} values for ${view.honest.length} honest models`)
  }
  if (!(attackerWeight > 0)) fail('victim.attackerWeight', `is ${attackerWeight}, but must be above 0`)
}

/**
 * An attack ready for use.
 *
 * @param name - one of `listAttacks()`
 * @param given - checked against the attack's parameters; what is left out takes its default
 * @throws RobustAggError E_UNKNOWN_ATTACK, E_UNKNOWN_PARAMETER, E_PARAMETER_RANGE
 */
export function createAttack(name: string, given?: Parameters): Attack {
  const definition = byName.get(name)
  if (definition === undefined) {
    const known = [...byName.keys()]
    const nearest = nearestName(name, known)
    throw new RobustAggError('E_UNKNOWN_ATTACK', `no attack is called '${name}'.${hint(nearest, known)}`, {
      name,
      nearest,
      known,
    })
  }
  const { knowledge, params: infos } = definition.info
  const params = resolveParameters(`attack '${name}'`, infos, given)
  if (isDataDefinition(definition)) {
    return { kind: 'data', name, knowledge, params, poisonLabels: definition.build(params) }
  }
  const craft = definition.build(params)
  return {
    kind: 'model',
    name,
    knowledge,
    params,
    craft: (view) => {
      checkView(name, view)
      return craft(view)
    },
  }
}

/** Every attack: kind, knowledge, formula, parameters and source. */
export function listAttacks(): readonly AttackInfo[] {
  return definitions.map((definition) => definition.info)
}
