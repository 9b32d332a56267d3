/** Attacks from outside the package. */

import type {
  AttackKnowledge,
  AttackView,
  DataAttackDefinition,
  Labels,
  ModelAttackDefinition,
  SampleBatch,
} from '../attacks/types.js'
import type { ParameterDraft, Parameters } from '../parameters.js'
import { createRng, type Rng } from '../rng.js'
import {
  callCustom,
  checkName,
  checkParameters,
  checkVector,
  customError,
  requireFunction,
} from './checks.js'

interface CustomAttackBase {
  readonly name: string
  readonly formula?: string
  readonly source?: string
  readonly params?: readonly ParameterDraft[]
}

/** An attack on the model that a node sends. Randomness comes from `view.rng` alone. */
export interface CustomModelAttack extends CustomAttackBase {
  /** Whose honest models of the round it sees; default `neighbours`. */
  readonly knowledge?: AttackKnowledge
  /** The model to send: d values, as many as `view.own`. */
  craft(view: AttackView, params: Parameters): ArrayLike<number>
}

/** An attack on a node's training data: new labels, or new samples with their labels. */
export interface CustomDataAttack extends CustomAttackBase {
  poisonLabels?(labels: Labels, classes: number, params: Parameters): ArrayLike<number>
  poisonSamples?(samples: SampleBatch, rng: Rng, params: Parameters): SampleBatch
}

export type CustomAttack = CustomModelAttack | CustomDataAttack

/** Throws E_CUSTOM as `customRule` does. */
export function customAttack(
  attack: CustomAttack,
  taken: ReadonlySet<string>,
): DataAttackDefinition | ModelAttackDefinition {
  const name = checkName('attack', attack.name, taken)
  const params = checkParameters('attack', name, attack.params)
  const info = {
    name,
    formula: attack.formula ?? 'custom',
    params,
    needs: [],
    uses: [],
    withoutHonest: null,
    source: attack.source ?? 'custom',
  }
  if ('craft' in attack) {
    requireFunction('attack', name, 'craft', attack.craft)
    const craft = (view: AttackView, chosen: Parameters): Float32Array => {
      const model = callCustom('attack', name, '`craft`', () => attack.craft(view, chosen))
      return Float32Array.from(checkVector('attack', name, '`craft`', model, view.own.length, true))
    }
    craft(exampleView(), Object.fromEntries(params.map((one) => [one.name, one.default ?? one.min])))
    const { knowledge = 'neighbours' } = attack
    return {
      info: { ...info, kind: 'model', knowledge },
      build: (chosen) => (view) => craft(view, chosen),
    }
  }
  const { poisonLabels, poisonSamples } = attack
  requireFunction('attack', name, 'poisonLabels', poisonLabels, true)
  requireFunction('attack', name, 'poisonSamples', poisonSamples, true)
  if (poisonLabels === undefined && poisonSamples === undefined)
    throw customError('attack', name, 'needs `craft`, `poisonLabels` or `poisonSamples`.')
  return {
    info: { ...info, kind: 'data', knowledge: 'own' },
    build: (chosen) => ({
      ...(poisonLabels === undefined
        ? {}
        : {
            labels: (labels: Labels, classes: number) =>
              checkLabels(
                name,
                callCustom('attack', name, '`poisonLabels`', () =>
                  poisonLabels(labels.slice(), classes, chosen),
                ),
                labels.length,
                classes,
              ),
          }),
      ...(poisonSamples === undefined
        ? {}
        : {
            samples: (batch: SampleBatch, rng: Rng) => {
              const made = callCustom('attack', name, '`poisonSamples`', () =>
                poisonSamples(batch, rng, chosen),
              )
              const features = checkVector(
                'attack',
                name,
                '`poisonSamples`',
                made?.features,
                batch.features.length,
              )
              const labels = checkLabels(name, made.labels, batch.labels.length, batch.classes)
              return { ...batch, features, labels }
            },
          }),
    }),
  }
}

function checkLabels(name: string, value: ArrayLike<number>, count: number, classes: number): Labels {
  if (value?.length !== count)
    throw customError('attack', name, `returned ${value?.length} labels for ${count} samples.`)
  const labels = classes > 256 ? Int32Array.from(value) : Uint8Array.from(value)
  const bad = Array.from(value).findIndex((label, k) => label !== labels[k] || label >= classes)
  if (bad >= 0)
    throw customError(
      'attack',
      name,
      `returned label ${value[bad]} at index ${bad}; labels are whole numbers below ${classes}.`,
    )
  return labels
}

function exampleView(): AttackView {
  const own = Float32Array.of(0.5, -0.5, 1, 0)
  return {
    own,
    start: new Float32Array(4),
    honest: [own.map((x) => x + 0.1), own.map((x) => x - 0.1)],
    round: 0,
    rounds: 2,
    rng: createRng(1, 'custom-attack'),
  }
}
