import { z } from 'zod'
import { labelSchema, modulesSchema, namedWithParams, orName } from '../documents/shared-schema.js'
import { ruleFields, scenarioFields, topologyFields } from '../scenario/schema.js'

/**
 * An averaging task: nodes hold vectors and gossip until they agree, without training, while attackers pull them away.
 * The first nodes of a topology are honest and the others attack. An attacker may send each of its neighbours a
 * different vector.
 */
const topologySchema = namedWithParams('ring, complete, k-regular, dumbbell, two-worlds, custom …').extend({
  label: labelSchema,
  nodes: z.int().min(2).max(1024),
  honest: z.int().min(1).describe('Number of honest nodes. They come first; the others attack.'),
  edges: topologyFields.shape.edges,
  weights: z
    .array(z.number().gt(0).lt(1))
    .optional()
    .describe(
      'For custom: the mixing weight of each edge, in both directions. The remainder to 1 is the weight of the node itself.',
    ),
})

const ruleSchema = orName(
  ruleFields.extend({
    label: labelSchema,
    oracle: z
      .boolean()
      .default(false)
      .describe('Whether the rule knows which nodes are honest, for radii that need it.'),
  }),
)

const attackSchema = orName(
  namedWithParams('An attack, `constant` or `none`.').extend({
    label: labelSchema,
    values: z
      .array(z.number())
      .optional()
      .describe('For constant: what each attacker sends in every coordinate.'),
  }),
)

export const consensusSchema = z.strictObject({
  name: scenarioFields.shape.name,
  modules: modulesSchema,
  rounds: z.int().min(1).max(100_000).default(100),
  after: z
    .array(z.int().min(0))
    .min(1)
    .default([1, 10, 100])
    .describe('Rounds after which the error is reported.'),
  mixing: z.enum(['uniform', 'metropolis', 'lazy']).default('metropolis'),
  start: z
    .discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('values'),
        values: z.array(z.number()).min(1).describe('One number for each honest node.'),
      }),
      z.strictObject({
        kind: z.literal('normal'),
        dimension: z.int().min(1).max(100_000).default(10),
        mean: z.number().default(0),
      }),
      z.strictObject({
        kind: z.literal('halves'),
        dimension: z.int().min(1).max(100_000).default(10),
        deviation: z.number().min(0).default(0.1),
      }),
    ])
    .prefault({ kind: 'normal' })
    .describe(
      'Initial values of the honest nodes: given numbers; N(mean, 1); or N(±1, deviation²), with −1 for the first half of the nodes.',
    ),
  rules: z.array(ruleSchema).min(1),
  attacks: z.array(attackSchema).min(1),
  topologies: z.array(topologySchema).min(1),
  seeds: z.array(scenarioFields.shape.seeds.unwrap().element).min(1).default([1]),
})

export type Consensus = z.output<typeof consensusSchema>
export type ConsensusRule = Consensus['rules'][number]
export type ConsensusAttack = Consensus['attacks'][number]
export type ConsensusTopology = Consensus['topologies'][number]
