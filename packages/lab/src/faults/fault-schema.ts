import { z } from 'zod'
import { countGiven } from '../documents/shared-schema.js'

const node = z.int().min(0)
const nodes = z.array(node).min(1)

const ACTIONS = ['kill', 'restart', 'join', 'leave', 'partition', 'heal', 'slowLink', 'slowTrainer'] as const

/** One fault, or the repair of one, in a round. fault-checks.ts checks that it is possible. */
export const faultSchema = z
  .strictObject({
    at: z.int().min(1).describe('The round, counted from 1.'),
    kill: nodes
      .optional()
      .describe('These nodes die (SIGKILL) as soon as they have published their model of the round.'),
    restart: nodes.optional().describe('Killed nodes come back.'),
    join: nodes.optional().describe('These nodes join. They are absent before.'),
    leave: nodes
      .optional()
      .describe('These nodes stop cleanly and for good once they have published their model.'),
    partition: z
      .array(nodes)
      .min(2)
      .optional()
      .describe('Links between nodes of different groups are cut; nodes in no group keep all their links.'),
    heal: z.literal(true).optional().describe('The partition ends.'),
    slowLink: z
      .strictObject({
        between: z.tuple([node, node]).describe('Two neighbours.'),
        latencyMs: z.int().min(0).max(600_000).default(0).describe('Added to every message, one way.'),
        bytesPerSecond: z.int().min(1).optional().describe('Models are transferred no faster than this.'),
      })
      .optional()
      .describe('Slows a link from then on. A later entry for the same two nodes replaces this one.'),
    slowTrainer: z
      .strictObject({
        nodes: nodes.describe('Indices of the nodes, from 0.'),
        factor: z
          .number()
          .gte(1)
          .max(1000)
          .describe('Factor by which training takes longer; 1 restores the normal speed.'),
      })
      .optional()
      .describe('Makes the training of some nodes slower from then on.'),
  })
  .superRefine((fields, context) => {
    const given = countGiven(fields, ACTIONS)
    if (given !== 1) {
      const problem =
        given === 0 ? 'does not say what happens: give one' : 'has several actions: give only one'
      context.addIssue({ code: 'custom', message: `${problem} of ${ACTIONS.join(', ')}` })
    }
  })

/** A fault as in the file: `at` counts from 1 and exactly one of the other keys is present. */
export type ScenarioFault = z.output<typeof faultSchema>
