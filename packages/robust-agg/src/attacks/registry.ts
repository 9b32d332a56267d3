/** All attacks by name. */

import { type CustomAttack, customAttack } from '../custom/attack.js'
import { missingModule } from '../custom/missing.js'
import { RobustAggError } from '../errors.js'
import { hint, nearestName } from '../nearest-name.js'
import { type Parameters, resolveParameters } from '../parameters.js'
import { adaptive } from './adaptive.js'
import { alie } from './alie.js'
import { denormal, huge, infinite, nan } from './broken-values.js'
import { deltaWeights, echo, equivocation, freeRider } from './copies.js'
import { krumAttack, trimAttack } from './directed-deviation.js'
import { dissensus } from './dissensus.js'
import { gaussian } from './gaussian.js'
import { ipm } from './ipm.js'
import { labelFlip } from './label-flip.js'
import { mimic } from './mimic.js'
import { minMax, minSum } from './min-max.js'
import { modelReplacement } from './model-replacement.js'
import { optimalAlie, optimalIpm } from './optimal.js'
import { backdoor, featureNoise } from './poisoned-samples.js'
import { saltNoise } from './salt-noise.js'
import { signFlipModel, signFlipUpdate } from './sign-flip.js'
import { spectral } from './spectral.js'
import { thresholdRider } from './threshold-rider.js'
import type {
  Attack,
  AttackInfo,
  AttackView,
  DataAttackDefinition,
  Labels,
  ModelAttackDefinition,
  SampleBatch,
} from './types.js'

const definitions: readonly (DataAttackDefinition | ModelAttackDefinition)[] = [
  labelFlip,
  featureNoise,
  backdoor,
  modelReplacement,
  signFlipModel,
  signFlipUpdate,
  gaussian,
  saltNoise,
  ipm,
  optimalIpm,
  alie,
  optimalAlie,
  adaptive,
  minMax,
  minSum,
  krumAttack,
  trimAttack,
  mimic,
  dissensus,
  spectral,
  thresholdRider,
  echo,
  freeRider,
  deltaWeights,
  equivocation,
  nan,
  infinite,
  denormal,
  huge,
]

const byName = new Map<string, DataAttackDefinition | ModelAttackDefinition>(
  definitions.map((definition) => [definition.info.name, definition]),
)

const builtIn: ReadonlySet<string> = new Set(byName.keys())

/** Makes an attack of your own available by its name, as `registerRule` does for rules. @throws RobustAggError E_CUSTOM */
export function registerAttack(attack: CustomAttack): string {
  const definition = customAttack(attack, builtIn)
  byName.set(definition.info.name, definition)
  return definition.info.name
}

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
  if (view.fiedler !== undefined && view.fiedler.length !== view.honest.length) {
    fail('fiedler', `has ${view.fiedler.length} values for ${view.honest.length} honest models`)
  }
  if (view.victim === undefined) return
  checkLength('victim.model', view.victim.model)
  if (view.victim.lastModel !== undefined) checkLength('victim.lastModel', view.victim.lastModel)
  const { honestWeights, attackerWeight } = view.victim
  if (honestWeights.length !== view.honest.length) {
    fail('victim.honestWeights', `has ${honestWeights.length} values for ${view.honest.length} honest models`)
  }
  if (!(attackerWeight > 0)) fail('victim.attackerWeight', `is ${attackerWeight}, but must be above 0`)
}

function checkSamples(attack: string, batch: SampleBatch): void {
  const { features, labels, height, width, channels, classes } = batch
  const each = height * width * channels
  if (features.length !== labels.length * each) {
    const problem = `has ${features.length} values for ${labels.length} samples of ${each}`
    throw new RobustAggError('E_ATTACK_VIEW', `attack '${attack}': samples.features ${problem}.`, {
      attack,
      field: 'features',
      problem,
    })
  }
  labels.forEach((label, index) => {
    if (label < classes) return
    const message = `attack '${attack}': label ${label} at index ${index} is not below ${classes}, the number of classes.`
    throw new RobustAggError('E_LABEL_RANGE', message, { index, label, classes })
  })
}

/**
 * An attack ready for use. Create one per attacker and run: mimic learns over the rounds.
 *
 * @param name - one of `listAttacks()`
 * @param given - checked against the attack's parameters; missing ones take their defaults
 * @throws RobustAggError E_UNKNOWN_ATTACK, E_UNKNOWN_PARAMETER, E_PARAMETER_RANGE
 */
export function createAttack(name: string, given?: Parameters): Attack {
  const definition = byName.get(name)
  if (definition === undefined) {
    const known = [...byName.keys()]
    const nearest = nearestName(name, known)
    throw new RobustAggError(
      'E_UNKNOWN_ATTACK',
      missingModule(name, known) ?? `no attack is called '${name}'.${hint(nearest, known)}`,
      {
        name,
        nearest,
        known,
      },
    )
  }
  const { knowledge, needs, uses, params: infos } = definition.info
  const params = resolveParameters(`attack '${name}'`, infos, given)
  if (isDataDefinition(definition)) {
    const { labels, samples } = definition.build(params)
    const poisonLabels = labels ?? ((clean: Labels) => clean.slice())
    return {
      kind: 'data',
      name,
      knowledge,
      needs,
      uses,
      params,
      touchesImages: samples !== undefined,
      poisonLabels,
      poisonSamples: (batch, rng) => {
        checkSamples(name, batch)
        if (samples !== undefined) return samples(batch, rng)
        return {
          ...batch,
          features: batch.features.slice(),
          labels: poisonLabels(batch.labels, batch.classes),
        }
      },
    }
  }
  const craft = definition.build(params)
  return {
    kind: 'model',
    idles: definition.idles?.(params) ?? false,
    name,
    knowledge,
    needs,
    uses,
    params,
    craft: (view) => {
      checkView(name, view)
      return craft(view)
    },
  }
}

/** Every attack: kind, knowledge, formula, parameters and source. */
export function listAttacks(): readonly AttackInfo[] {
  return [...byName.values()].map((definition) => definition.info)
}
