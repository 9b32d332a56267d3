import { type LocalTraining, type ModelPublisher, plainPublisher } from '@tempered/node'
import { createAttack, type DataAttack } from '@tempered/robust-agg/attacks'
import { createRng } from '@tempered/robust-agg/rng'
import { LabError } from '../errors.js'
import { createCrafter } from './crafter.js'
import { poisonTrainingSet } from './data-poisoning.js'
import { equivocatingNetwork } from './equivocation.js'
import { createLedgerAttack, isLedgerAttack } from './ledger-attacks.js'
import type { NamedAttack } from './planned-attack.js'
import type { Adversary, AdversaryInit, Crafter } from './types.js'

/** The components of an honest node. */
const honest: Adversary = { publisher: plainPublisher }

export function createAdversary(init: AdversaryInit): Adversary {
  const { attack: planned } = init.node
  if (planned === undefined) return honest
  const active = (round: number): boolean => round >= planned.from && round <= planned.to
  if (isLedgerAttack(planned.name)) return { ...honest, ...createLedgerAttack(planned.name, active) }
  const attack = createAttack(planned.name, planned.params)
  if (attack.kind === 'data') return { ...honest, ...poisonedTraining(planned, init, active) }
  const poisoning = planned.poison === undefined ? {} : poisonedTraining(planned.poison, init, active)
  const craft = createCrafter(attack, planned.knowledge, init)
  if (attack.needs.includes('recipient')) {
    // Two models per round: the one announced first, and a second one.
    return { ...poisoning, ...equivocatingNetwork(craft, active) }
  }
  if (attack.idles) return { ...honest, ...craftedTraining(craft, active) }
  const publisher: ModelPublisher = {
    prepare: async (round, trained, start) => (active(round) ? craft(round, trained, start, 0) : trained),
  }
  return { ...poisoning, publisher }
}

/** Does not train in the rounds of the attack: what it crafts is its model. */
function craftedTraining(
  craft: Crafter,
  active: (round: number) => boolean,
): Pick<Adversary, 'wrapTraining'> {
  return {
    wrapTraining: async (plain): Promise<LocalTraining> => ({
      ...plain,
      async train(round, parameters) {
        if (!active(round)) return plain.train(round, parameters)
        const start = parameters.slice()
        parameters.set(await craft(round, start, start, 0))
        return { loss: Number.NaN }
      },
    }),
  }
}

/** Trains on poisoned samples in the rounds of the attack and on honest ones in the others. */
function poisonedTraining(
  { name, params }: NamedAttack,
  { node, manifest, train }: AdversaryInit,
  active: (round: number) => boolean,
): Pick<Adversary, 'wrapTraining'> {
  // Scenarios are checked before they run: a poison is an attack on data.
  const attack = createAttack(name, params) as DataAttack
  if (train === undefined) {
    throw new LabError(
      'E_CONFIG',
      `${name} poisons training data, but a process of its own trains for node ${node.index}; ` +
        'choose an attack on models, or poison the data in the trainer',
    )
  }
  return {
    async wrapTraining(plain, openOn): Promise<LocalTraining> {
      const rng = createRng(manifest.seed, 'attack', node.index)
      const poisoned = await openOn(poisonTrainingSet(attack, train, rng))
      return {
        ...plain,
        train: (round, parameters) => (active(round) ? poisoned : plain).train(round, parameters),
      }
    },
  }
}
