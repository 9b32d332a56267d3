import { z } from 'zod'
import { countGiven } from '../documents/shared-schema.js'

const node = z.int().min(0)
const nodes = z.array(node).min(1)

const ACTIONS = ['kill', 'restart', 'join', 'leave', 'partition', 'heal', 'slowLink', 'slowTrainer'] as const

/** One thing that goes wrong, or is mended, in a round. What it must fit to is checked by fault-checks.ts. */
export const faultSchema = z
  .strictObject({
    at: z.int().min(1).describe('The round, counted from 1.'),
    kill: nodes
      .optional()
      .describe('These nodes die (SIGKILL) as soon as they have published their model of the round.'),
    restart: nodes.optional().describe('Killed nodes come back.'),
    join: nodes.optional().describe('These nodes are absent until then.'),
    leave: nodes
      .optional()
      .describe('These nodes stop cleanly once they have published their model, for good.'),
    partition: z
      .array(nodes)
      .min(2)
      .optional()
      .describe('Links between nodes of different groups are cut; nodes in no group keep all of theirs.'),
    heal: z.literal(true).optional().describe('The partition ends.'),
    slowLink: z
      .strictObject({
        between: z.tuple([node, node]).describe('Two neighbours.'),
        latencyMs: z.int().min(0).max(600_000).default(0).describe('Added to every message, one way.'),
        bytesPerSecond: z.int().min(1).optional().describe('Models are carried no faster than this.'),
      })
      .optional()
      .describe('From then on; given again for the same two it replaces what was.'),
    slowTrainer: z
      .strictObject({
        nodes,
        factor: z
          .number()
          .gte(1)
          .max(1000)
          .describe('Training takes that many times as long; 1 is as before.'),
      })
      .optional(),
  })
  .superRefine((fields, context) => {
    const given = countGiven(fields, ACTIONS)
    if (given !== 1) {
      const problem =
        given === 0 ? 'says not what happens: give one' : 'says several things at once: give only one'
      context.addIssue({ code: 'custom', message: `${problem} of ${ACTIONS.join(', ')}` })
    }
  })

/** A fault as the file has it: `at` counts from 1 and exactly one of the other keys is there. */
export type ScenarioFault = z.output<typeof faultSchema>
