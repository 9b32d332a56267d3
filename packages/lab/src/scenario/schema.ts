import { isDeepStrictEqual } from 'node:util'
import { ARCHITECTURES } from '@tempered/chain'
import { DEFAULT_RULE } from '@tempered/node'
import { LIMITS, manifestSchema } from '@tempered/protocol'
import { listPreAggregators, listRules } from '@tempered/robust-agg'
import { listDistanceRules } from '@tempered/robust-agg/distance-rules'
import { listTopologies } from '@tempered/robust-agg/topology'
import { BUILT_IN_MODELS, taskFileSchema } from '@tempered/train'
import { z } from 'zod'
import { adversarySchema } from '../adversary/adversary-schema.js'
import { BARE_NAME } from '../documents/json-schema-text.js'
import {
  backendSchema,
  deadlinesSchema,
  evaluationSchema,
  groupsSchema,
  measuresSchema,
  memorySchema,
  modulesSchema,
  namedWithParams,
  orName,
  sourceSchema,
  splitSchema,
  testSchema,
  trainingSchema,
} from '../documents/shared-schema.js'
import { trainersSchema } from '../documents/trainer-schema.js'
import { faultSchema } from '../faults/fault-schema.js'

const seedSchema = z
  .int()
  .min(0)
  .max(2 ** 32 - 1)

const namesOf = (infos: readonly { readonly name: string }[]): string[] => infos.map(({ name }) => name)

export const ruleFields = namedWithParams('Aggregation rule.', namesOf(listRules())).extend({
  pre: z
    .array(orName(namedWithParams('Pre-aggregator.', namesOf(listPreAggregators()))))
    .default([])
    .describe(
      'Pre-aggregators that run before the rule, in order. Without any, the rule gets the models as they arrive.',
    ),
})

const ruleSchema = orName(ruleFields)

export const topologyFields = namedWithParams(
  'Which nodes are neighbours.',
  namesOf(listTopologies()),
).extend({
  edges: z
    .array(z.tuple([z.int().min(0), z.int().min(0)]))
    .optional()
    .describe('For custom: index pairs.'),
})

const scenarioSplitSchema = z
  .discriminatedUnion('kind', [
    ...splitSchema.options,
    z.strictObject({
      kind: z.literal('by-clique').describe('each clique has labels of its own'),
      groups: groupsSchema.optional().describe('The cliques; default: those of the topology.'),
    }),
  ])
  .describe('How training samples are dealt to the nodes; by-clique gives each clique its own labels.')

const controlsSchema = z
  .strictObject({
    honest: z.boolean().default(true).describe('The same rule without attackers.'),
    undefended: z.boolean().default(true).describe('The same attack on plain averaging.'),
    baseline: z.boolean().default(true).describe('Plain averaging without attackers.'),
  })
  .prefault({})
  .describe('Additional runs to compare the scenario with. Duplicate runs are left out.')

const stopSchema = z
  .strictObject({
    targetAccuracy: z
      .number()
      .gt(0)
      .lte(1)
      .optional()
      .describe('Mean test accuracy of the honest nodes in a round.'),
    targetMetric: z
      .number()
      .optional()
      .describe('Mean of the task’s first metric over the honest nodes in a round, this good or better.'),
    seconds: z.number().gt(0).optional().describe('Seconds since the start of the run.'),
  })
  .prefault({})
  .describe(
    'Ends a run before its last round, as soon as one of the conditions holds. Without any, it runs to its last round.',
  )

/** A common chain. */
export const chainFields = z.strictObject({
  architecture: z
    .string()
    .min(1)
    .max(64)
    .meta({ enum: ARCHITECTURES.map(({ name }) => name) })
    .describe('How the nodes agree on blocks.'),
  params: z
    .record(z.string().min(1).max(64), z.union([z.number(), z.array(z.number())]))
    .default({})
    .describe('Parameters of the architecture (docs/chain.md).'),
})

const spec = manifestSchema.shape.privacy.unwrap().shape

export const privacyFields = z.strictObject({
  mode: spec.mode.default('shares'),
  threshold: spec.threshold
    .optional()
    .describe(`${spec.threshold.description} Default: a quarter of the other members of a group.`),
  group: spec.group
    .optional()
    .describe(`${spec.group.description} Default: 10, or all nodes if there are fewer.`),
  range: spec.range.optional().describe(`${spec.range.description} Default: 16.`),
  rule: orName(
    namedWithParams(
      'Rule.',
      listDistanceRules().map(({ name }) => name),
    ),
  )
    .optional()
    .describe(`${spec.rule.description} Default: multi-krum.`),
})

/** The mode `shares` weighs by Multi-Krum where nothing else is said. */
export const withPrivacyRule = <P extends Pick<z.output<typeof privacyFields>, 'mode' | 'rule'>>(
  privacy: P,
): P =>
  privacy.mode === 'shares' && privacy.rule === undefined
    ? { ...privacy, rule: { name: 'multi-krum', params: {} } }
    : privacy

/** A chain, of which its architecture's name is enough. */
export const orArchitecture = <S extends z.ZodObject>(schema: S) =>
  z.preprocess(
    (value) => (typeof value === 'string' ? { architecture: value } : value),
    schema.meta({ [BARE_NAME]: ARCHITECTURES.map(({ name }) => name) }),
  )

export const scenarioFields = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and dashes')
    .default('cluster')
    .describe('Name of the run and of its results folder.'),
  seed: seedSchema.optional().describe('Everything random in the run is drawn from it. Default: 1.'),
  seeds: z.array(seedSchema).min(1).optional().describe('Several seeds: `scenario run` runs all of them.'),
  nodes: z.int().min(1).max(LIMITS.maxMembers).default(10).describe('Number of nodes, attackers included.'),
  topology: orName(topologyFields)
    .optional()
    .describe('Default: 4-regular, or complete for up to five nodes and with a chain.'),
  chain: orArchitecture(chainFields)
    .optional()
    .describe('A common chain: every round begins with the aggregate of its newest block. Default: none.'),
  contribution: manifestSchema.shape.contribution.describe(
    'Nodes score what their neighbours contribute, and who looks like a free rider (docs/contribution.md). Default: none.',
  ),
  privacy: privacyFields
    .transform((privacy) => withPrivacyRule(privacy))
    .optional()
    .describe(
      'Nodes share their models among groups, and only sums are seen (docs/privacy.md). Default: none.',
    ),
  differentialPrivacy: manifestSchema.shape.differentialPrivacy.describe(
    'Nodes clip what they learn and add noise, so that models tell little of their samples (docs/differential-privacy.md). Default: none.',
  ),
  mixing: z
    .enum(['uniform', 'metropolis'])
    .default('uniform')
    .describe('Mixing weights for rules that use them.'),
  data: z
    .strictObject({
      source: sourceSchema,
      test: testSchema,
      memory: memorySchema,
      classes: z
        .int()
        .min(2)
        .max(256)
        .optional()
        .describe(
          'Number of classes of images, where there is no task. Default: as many as their labels need.',
        ),
      split: scenarioSplitSchema.default({ kind: 'label-groups', h: 0.8 }),
    })
    .prefault({})
    .describe(
      'The data, and how the nodes share it. Not used where there is a task and every node has a trainer of its own.',
    ),
  task: z
    .union([z.string().min(1), taskFileSchema])
    .optional()
    .describe(
      'What is learnt: a task file, relative to this file, or the task itself. Default: to classify images.',
    ),
  model: z.enum(BUILT_IN_MODELS).optional().describe('Model of a run without `task`. Default: mlp.'),
  initial: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A model to begin with instead of one drawn from the seed: .safetensors, .npz, model.json, a folder of `model export`, or the state folder of a node.',
    ),
  training: trainingSchema,
  trainers: trainersSchema,
  rule: ruleSchema.optional().describe('Aggregation rule. Default: balance.'),
  rules: z.array(ruleSchema).min(1).optional().describe('Several rules: `scenario run` runs all of them.'),
  adversaries: z
    .array(adversarySchema)
    .default([])
    .describe('Groups of attackers. Without any, nobody attacks.'),
  faults: z.array(faultSchema).default([]).describe('What goes wrong, and when. Without any, nothing does.'),
  stop: stopSchema,
  assertions: z
    .array(z.string())
    .default([])
    .describe(
      'What must hold at the end, e.g. `worstHonestAccuracy >= 90 %`; exit code 8 otherwise. Without any, nothing is checked.',
    ),
  controls: controlsSchema,
  evaluation: evaluationSchema,
  deadlines: deadlinesSchema,
  patienceRounds: z
    .int()
    .min(1)
    .default(2)
    .describe('Number of deadlines that a silent neighbour may miss before nodes stop waiting for it.'),
  backend: backendSchema.default('auto'),
  measures: measuresSchema,
  modules: modulesSchema,
  keepRounds: z
    .int()
    .min(2)
    .default(4)
    .describe('Number of rounds for which a node keeps its own models on disk.'),
})

export function defaultTopology(nodes: number): { name: string; params: Record<string, number> } {
  return nodes > 5 ? { name: 'k-regular', params: { k: 4 } } : { name: 'complete', params: {} }
}

/**
 * A scenario: everything that decides what a run does. `seeds` and `rules` hold all values; `seed` and `rule` hold the
 * first one, which a single run uses. Parsing a parsed scenario returns it unchanged.
 */
export const scenarioSchema = scenarioFields
  .superRefine((fields, context) => {
    const twice = (one: 'seed' | 'rule', all: 'seeds' | 'rules'): void => {
      if (fields[one] === undefined || fields[all] === undefined) return
      if (isDeepStrictEqual(fields[one], fields[all][0])) return
      context.addIssue({ code: 'custom', path: [one], message: `give either ${one} or ${all}, not both` })
    }
    if (fields.task !== undefined && fields.model !== undefined) {
      const message = 'give either task or model, not both; the task names its own model'
      context.addIssue({ code: 'custom', path: ['model'], message })
    }
    twice('seed', 'seeds')
    twice('rule', 'rules')
    if (fields.seeds !== undefined && new Set(fields.seeds).size < fields.seeds.length) {
      context.addIssue({ code: 'custom', path: ['seeds'], message: 'contains a seed twice' })
    }
  })
  .transform((fields) => {
    const rules = fields.rules ?? [fields.rule ?? ruleSchema.parse(DEFAULT_RULE)]
    const seeds = fields.seeds ?? [fields.seed ?? 1]
    return {
      ...fields,
      seed: seeds[0]!,
      seeds,
      rule: rules[0]!,
      rules,
      topology:
        fields.topology ??
        (fields.chain === undefined ? defaultTopology(fields.nodes) : { name: 'complete', params: {} }),
    }
  })

export type ScenarioInput = z.input<typeof scenarioSchema>
export type Scenario = z.infer<typeof scenarioSchema>
export type ScenarioRule = Scenario['rule']
