import { z } from 'zod'

const deadline = z.int().min(1).max(86_400_000)

/** How a process of the user's own is started and what it may take: the same in `node.yaml` and in scenarios. */
export const trainerSchema = z.strictObject({
  command: z
    .array(z.string().min(1))
    .min(1)
    .describe('Program and arguments, without a shell, run in the folder of this file.'),
  attempts: z.int().min(1).max(100).default(3).describe('Starts in a row before the node gives up.'),
  deadlines: z
    .strictObject({
      helloMs: deadline.optional().describe('Until it has loaded its data. Default: 5 minutes.'),
      trainMs: deadline.optional().describe('One round of training. Default: 30 minutes.'),
      evaluateMs: deadline.optional().describe('One evaluation. Default: 10 minutes.'),
      transferMs: deadline.optional().describe('Parameters in or out. Default: 1 minute.'),
    })
    .prefault({})
    .describe('How long the process may take to answer.'),
})

/** Stands for the index of the node in a command. */
export const NODE_PLACEHOLDER = '{node}'

/** Optional without a default: files and cells of labs without it stay as they were, and so do their hashes. */
export const trainersSchema = z
  .array(
    trainerSchema.extend({
      nodes: z
        .array(z.int().min(0))
        .min(1)
        .optional()
        .describe('Indices of the nodes, from 0. Default: all nodes that no other entry names.'),
      command: trainerSchema.shape.command.describe(
        `Program and arguments, without a shell; ${NODE_PLACEHOLDER} in them stands for the index of the node.`,
      ),
      cwd: z
        .string()
        .min(1)
        .optional()
        .describe('Folder in which it runs, relative to this file. Default: the folder of this file.'),
    }),
  )
  .min(1)
  .optional()
  .describe(
    'Processes of your own that train for nodes, in any language, with their own data (docs/trainers.md). Default: none.',
  )
