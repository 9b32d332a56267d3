import { listAttacks } from '@tempered/robust-agg/attacks'
import { z } from 'zod'
import { countGiven, namedWithParams, orName, requireSpan } from '../documents/shared-schema.js'
import { LEDGER_ATTACKS } from './ledger-attacks.js'

/** Attacks on data and models, and those on the ledger, which robust-agg does not know. */
export const ATTACK_NAMES = [...listAttacks().map(({ name }) => name), ...Object.keys(LEDGER_ATTACKS)]
const POISONS = listAttacks().flatMap(({ name, kind }) => (kind === 'data' ? [name] : []))

const WHO = ['nodes', 'fraction', 'count'] as const

export const PLACEMENTS = ['random', 'one-per-neighbourhood', 'worst-position'] as const

/** One group of attackers: which nodes, which attack, in which rounds, and what they see. Rounds count from 1. */
export const adversarySchema = z
  .strictObject({
    nodes: z
      .array(z.int().min(0))
      .min(1)
      .optional()
      .describe('Indices of the attacking nodes, from 0. Give this, `fraction` or `count`.'),
    fraction: z
      .number()
      .gt(0)
      .lte(1)
      .optional()
      .describe('Share of all nodes that attack, rounded to the nearest whole number, at least one.'),
    count: z.int().min(1).optional().describe('Number of nodes that attack.'),
    placement: z
      .enum(PLACEMENTS)
      .optional()
      .describe(
        'Placement of the attackers of `fraction` or `count`, drawn from the seed. random (default); one-per-neighbourhood: no ' +
          'honest node has two attacking neighbours, as far as possible; worst-position: on the most shortest paths between honest nodes.',
      ),
    attack: orName(namedWithParams('Attack.', ATTACK_NAMES)).describe(
      'What they do: a name, or a name with parameters.',
    ),
    poison: orName(namedWithParams('Attack on the training data.', POISONS))
      .optional()
      .describe(
        'An attack on the training data in addition to one on the model, e.g. a backdoor with model-replacement.',
      ),
    knowledge: z
      .enum(['own', 'neighbours', 'all'])
      .optional()
      .describe('Whose models of the round an attacker sees. Default, and minimum: what its attack needs.'),
    from: z
      .int()
      .min(1)
      .default(1)
      .describe('First round of the attack. Before it the node behaves honestly.'),
    to: z.int().min(1).optional().describe('Last round of the attack. Default: the last round of the run.'),
    colluding: z
      .boolean()
      .default(true)
      .describe('false: each attacker sees only what its own neighbours send it, whatever its attack needs.'),
  })
  .superRefine((fields, context) => {
    const given = countGiven(fields, WHO)
    if (given !== 1) {
      const problem =
        given === 0
          ? 'does not say who attacks: give one of'
          : 'says more than once who attacks: give only one of'
      context.addIssue({ code: 'custom', message: `${problem} nodes, fraction or count` })
    }
    if (fields.nodes !== undefined && fields.placement !== undefined) {
      context.addIssue({
        code: 'custom',
        path: ['placement'],
        message: '`nodes` already fixes the placement; leave `placement` out, or give count or fraction',
      })
    }
    requireSpan(fields, context)
  })

export type ScenarioAdversary = z.output<typeof adversarySchema>
