import { quoted } from '@tempered/errors'
import { LIMITS } from '@tempered/protocol'
import { BACKEND_CHOICES, MEMORY_EXAMPLE, parseMemory } from '@tempered/train'
import { z } from 'zod'
import { BARE_NAME } from './json-schema-text.js'

/** Parts that node configurations and scenarios share. Descriptions end up in the published JSON Schemas. */

/** @param names names that editors offer; the check of the file reports unknown names with the nearest known one */
export const namedWithParams = (what: string, names: readonly string[] = []) =>
  z.strictObject({
    name: z
      .string()
      .min(1)
      .meta({ description: what, ...(names.length > 0 ? { enum: names } : {}) }),
    params: z
      .record(z.string(), z.number())
      .default({})
      .describe('Parameters by name; those that are left out have their defaults.'),
  })

/** A bare name stands for itself with default parameters: `rule: median`. */
export const orName = <S extends z.ZodObject<{ name: z.ZodString }>>(schema: S) =>
  z
    .preprocess((value: string | z.input<S>) => (typeof value === 'string' ? { name: value } : value), schema)
    .meta({ [BARE_NAME]: schema.shape.name.meta()?.enum ?? [] })

/** Modules that a run used. Tempered writes them into resolved files; users do not have to. */
export const modulesSchema = z
  .array(
    z.strictObject({
      kind: z
        .enum(['rule', 'pre-aggregator', 'attack', 'topology', 'architecture', 'measure'])
        .describe('What it adds.'),
      name: z.string().describe('Name by which the run uses it.'),
      file: z.string().describe('Absolute path.'),
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .describe('SHA-256 of the file, in hexadecimal.'),
    }),
  )
  .optional()
  .describe('Modules that the run used, with their hashes; written into resolved files.')

/** Measures from ES modules. They are removed when a file is read, since registering them is enough. */
export const measuresSchema = z
  .array(z.strictObject({ module: z.string().describe('ES module of a measure, relative to this file.') }))
  .optional()
  .describe('Your own measures, in addition to the built-in ones.')

export const sourceSchema = z
  .string()
  .default('mnist')
  .describe(
    '`mnist` for the embedded digits, or a file or folder: CSV, JSON lines, Parquet, NPY, images, CIFAR, IDX (docs/data.md).',
  )

export const testSchema = z
  .union([z.string().min(1), z.number().gt(0).lt(1)])
  .optional()
  .describe(
    'Test samples: a file or folder like the source, or the share of its samples. Default: what the source says.',
  )

const memoryText = z.string().refine((text) => parseMemory(text) !== undefined, {
  error: ({ input }) =>
    `is ${quoted(typeof input === 'string' ? input : JSON.stringify(input))}; write ${MEMORY_EXAMPLE}`,
})

export const memorySchema = z
  // A number without a unit is a mistake about the unit.
  .preprocess(
    (value) => (typeof value === 'number' ? String(value) : value),
    memoryText as z.ZodType<string, string>,
  )
  .optional()
  .describe(
    'The most memory that encoded samples may take in each process, e.g. 512MB or 4GiB; inputs beyond are read from disk. Default: TEMPERED_DATA_MEMORY, else 2GiB.',
  )

export const backendSchema = z
  .enum(BACKEND_CHOICES)
  .describe(
    'Training engine: simd is Tempered’s own, which auto takes; node, wasm and cpu are backends of tfjs.',
  )

export const splitSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('iid').describe('at random, in equal shares') }),
    z.strictObject({
      kind: z.literal('label-groups').describe('groups of nodes that each prefer some labels'),
      h: z.number().min(0).max(1).describe('Share of a label that goes to its own group; 1/classes is IID.'),
    }),
    z.strictObject({
      kind: z.literal('dirichlet').describe('random shares of every label'),
      a: z.number().gt(0).describe('Concentration; smaller values are more skewed.'),
    }),
    z.strictObject({
      kind: z.literal('shards').describe('a few runs of samples sorted by label'),
      perNode: z.int().min(1).describe('Shards of sorted labels per node.'),
    }),
  ])
  .describe('How training samples are dealt to the nodes.')

/** Groups of nodes by index, each with its own labels. */
export const groupsSchema = z.array(z.array(z.int().min(0)).min(1)).min(1)

/** A self-contained split: its cliques are listed, not taken from a topology. */
export const wholeSplitSchema = z
  .discriminatedUnion('kind', [
    ...splitSchema.options,
    z.strictObject({
      kind: z.literal('by-clique').describe('each clique has labels of its own'),
      groups: groupsSchema.describe('Part numbers by clique; every part is in exactly one.'),
    }),
  ])
  .describe('How training samples are dealt to the nodes; by-clique gives each group its own labels.')

export type WholeSplit = z.infer<typeof wholeSplitSchema>

export const evaluationSchema = z
  .strictObject({
    every: z
      .int()
      .min(1)
      .default(1)
      .describe('Rounds between evaluations; the last round is always evaluated.'),
    samples: z
      .int()
      .min(1)
      .default(500)
      .describe('Number of test samples per evaluation. The last evaluation uses all samples.'),
  })
  .prefault({})
  .describe('When nodes are evaluated.')

export const trainingSchema = z
  .strictObject({
    rounds: z.int().min(1).max(LIMITS.maxRounds).default(20).describe('Number of rounds.'),
    localSteps: z.int().min(0).max(1_000_000).default(20).describe('Minibatch steps per node and round.'),
    batchSize: z.int().min(1).max(65_536).default(32).describe('Samples per minibatch.'),
    learningRate: z
      .number()
      .gt(0)
      .default(0.05)
      .describe('Step size of the first round. Lower it if training diverges.'),
    momentum: z
      .number()
      .min(0)
      .lt(1)
      .default(0.9)
      .describe('Momentum of the steps; it starts at zero in every round.'),
    weightDecay: z.number().min(0).default(0).describe('L2 penalty; 0 is none.'),
    logitAdjustment: z
      .number()
      .min(0)
      .default(0)
      .describe(
        'Strength τ of logit adjustment: 1 trains as if every class were equally frequent in the node’s own data, ' +
          '0 is plain cross entropy.',
      ),
    schedule: z
      .discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('constant').describe('the same in every round') }),
        z.strictObject({
          kind: z.literal('inverse-time').describe('rate / (1 + decay · round)'),
          decay: z.number().min(0).describe('For inverse-time: 0 is a constant rate.'),
        }),
        z.strictObject({
          kind: z.literal('step').describe('times factor after every so many rounds'),
          every: z.int().min(1).describe('For step: rounds between two drops.'),
          factor: z.number().gt(0).max(1).describe('For step: factor of each drop.'),
        }),
        z.strictObject({ kind: z.literal('cosine').describe('down to 0 along a half cosine') }),
      ])
      .default({ kind: 'constant' })
      .describe('Learning rate over the rounds.'),
  })
  .prefault({})
  .describe('How each node trains in a round.')

export const deadlinesSchema = z
  .strictObject({
    joinMs: z
      .int()
      .min(1)
      .default(120_000)
      .describe('Wait at the start for all neighbours, once one of them is there.'),
    collectMs: z
      .int()
      .min(1)
      .default(60_000)
      .describe('Wait for the models of the neighbours after publishing.'),
    dialMs: z.int().min(1).default(20_000).describe('Time limit to open a connection or stream.'),
    firstByteMs: z.int().min(1).default(20_000).describe('Time limit for the first byte of a reply.'),
    transferMs: z.int().min(1).default(60_000).describe('Time limit to transfer a whole model.'),
    reconnectMs: z.int().min(1).default(5_000).describe('How long a lost neighbour still counts as live.'),
  })
  .prefault({})
  .describe('How long nodes wait, in milliseconds.')

/** Number of the mutually exclusive keys that are present. */
export function countGiven(fields: Readonly<Record<string, unknown>>, keys: readonly string[]): number {
  return keys.filter((key) => fields[key] !== undefined).length
}

/** Requires that the last round of an attack is not before its first. */
export function requireSpan(
  { from, to }: { readonly from: number; readonly to?: number | undefined },
  context: z.RefinementCtx,
): void {
  if (to === undefined || to >= from) return
  context.addIssue({ code: 'custom', path: ['to'], message: `must not be before from, round ${from}` })
}

export const labelSchema = z
  .string()
  .min(1)
  .max(40)
  .optional()
  .describe('Its name in tables. Default: name and parameters.')
