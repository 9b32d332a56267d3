import { z } from 'zod'
import { ATTACK_NAMES, adversarySchema } from '../adversary/adversary-schema.js'
import { labelSchema, namedWithParams, orName, requireSpan } from '../documents/shared-schema.js'
import {
  chainFields,
  orArchitecture,
  privacyFields,
  ruleFields,
  scenarioFields,
  topologyFields,
  withPrivacyRule,
} from '../scenario/schema.js'

/**
 * A lab file: one scenario without rule, adversaries and seed, and the axes over which it is run. Every combination is
 * a cell. `none` and `average` need not be listed: the attack-free and the undefended runs are included unless switched
 * off.
 */
const fields = scenarioFields.shape
const attackSchema = orName(
  namedWithParams('An attack.', ATTACK_NAMES)
    .extend({
      label: labelSchema,
      poison: adversarySchema.shape.poison,
      from: adversarySchema.shape.from,
      to: adversarySchema.shape.to,
      colluding: adversarySchema.shape.colluding,
    })
    .superRefine(requireSpan),
)

const ruleSchema = orName(
  ruleFields.extend({
    label: labelSchema,
    training: z
      .strictObject({
        localSteps: z.int().min(0).max(1_000_000).optional(),
        learningRate: z.number().gt(0).optional(),
        momentum: z.number().min(0).lt(1).optional(),
        logitAdjustment: z.number().min(0).optional(),
      })
      .default({})
      .describe('Training settings for this rule, where they differ from the scenario.'),
  }),
)

const topologySchema = orName(
  topologyFields.extend({
    label: labelSchema,
    nodes: fields.nodes
      .unwrap()
      .optional()
      .describe('Number of nodes of this topology, where it differs from the scenario.'),
    honest: z
      .int()
      .min(1)
      .optional()
      .describe(
        'Number of honest nodes. They come first and all others attack; replaces fractions and placement.',
      ),
  }),
)

export const labSchema = z.strictObject({
  name: fields.name,
  scenario: z
    .strictObject({
      nodes: fields.nodes,
      mixing: fields.mixing,
      contribution: fields.contribution,
      differentialPrivacy: fields.differentialPrivacy,
      data: fields.data.unwrap().pick({ source: true, test: true, classes: true }).prefault({}),
      task: fields.task,
      model: fields.model,
      initial: fields.initial,
      training: fields.training,
      trainers: fields.trainers,
      evaluation: fields.evaluation,
      faults: fields.faults,
      deadlines: fields.deadlines,
      patienceRounds: fields.patienceRounds,
      backend: fields.backend,
    })
    .prefault({})
    .describe('What all cells have in common; keys as in a scenario.'),
  measures: fields.measures,
  modules: fields.modules,
  placement: adversarySchema.shape.placement.describe('Where the attackers sit; as in a scenario.'),
  axes: z.strictObject({
    rules: z.array(ruleSchema).min(1),
    attacks: z.array(attackSchema).default([]),
    fractions: z
      .array(z.number().min(0).lt(1))
      .min(1)
      .default([0.2])
      .describe('Shares of attacking nodes; 0 is the attack-free run.'),
    topologies: z
      .array(topologySchema)
      .min(1)
      .default([{ name: 'k-regular', params: { k: 4 } }]),
    chains: z
      .array(z.union([z.literal('none'), orArchitecture(chainFields.extend({ label: labelSchema }))]))
      .min(1)
      .default(['none'])
      .describe('Common chains, with every rule; `none` for a run without one. They need topology complete.'),
    privacy: z
      .array(
        z.union([
          z.literal('none'),
          privacyFields.extend({ label: labelSchema }).transform((privacy) => withPrivacyRule(privacy)),
        ]),
      )
      .min(1)
      .default(['none'])
      .describe('Private rounds, with every rule; `none` for a run without them.'),
    differentialPrivacy: z
      .array(z.union([z.literal('none'), fields.differentialPrivacy.unwrap().extend({ label: labelSchema })]))
      .min(1)
      .optional()
      .describe(
        'Differential privacy, with every rule but the controls; `none` for a run without. Default: that of the scenario.',
      ),
    splits: z
      .array(fields.data.unwrap().shape.split.unwrap())
      .min(1)
      .default([{ kind: 'label-groups', h: 0.8 }]),
    seeds: z
      .array(
        z
          .int()
          .min(0)
          .max(2 ** 32 - 1),
      )
      .min(1)
      .default([1]),
  }),
  controls: z
    .strictObject({
      honest: z.boolean().default(true).describe('Every rule without attackers.'),
      undefended: z.boolean().default(true).describe('Every attack on plain averaging.'),
      baseline: z
        .boolean()
        .default(true)
        .describe('Plain averaging without attackers: the reference for the cost of a rule.'),
    })
    .prefault({}),
})

export type Lab = z.output<typeof labSchema>
export type LabAttack = z.output<typeof attackSchema>
export type LabRule = z.output<typeof ruleSchema>
