import { LIMITS } from '@tempered/protocol'
import { z } from 'zod'
import { BARE_NAME } from './json-schema-text.js'

/** Parts that node configurations and scenarios share. Descriptions end up in the published JSON Schemas. */

/** @param names what editors offer; whether a name is known is reported when the file is checked, with the nearest one */
export const namedWithParams = (what: string, names: readonly string[] = []) =>
  z.strictObject({
    name: z
      .string()
      .min(1)
      .meta({ description: what, ...(names.length > 0 ? { enum: names } : {}) }),
    params: z
      .record(z.string(), z.number())
      .default({})
      .describe('Parameters by name; what is left out has its default.'),
  })

/** A bare name stands for itself with default parameters: `rule: median`. */
export const orName = <S extends z.ZodObject<{ name: z.ZodString }>>(schema: S) =>
  z
    .preprocess((value: string | z.input<S>) => (typeof value === 'string' ? { name: value } : value), schema)
    .meta({ [BARE_NAME]: schema.shape.name.meta()?.enum ?? [] })

/** Code of its own that a run used. Tempered writes it into resolved files; nobody has to. */
export const modulesSchema = z
  .array(
    z.strictObject({
      kind: z.enum(['rule', 'pre-aggregator', 'attack', 'topology', 'measure']),
      name: z.string(),
      file: z.string(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  )
  .optional()
  .describe('Modules that the run used, with their hashes; written into resolved files.')

/** Measures from ES modules; they are gone from a file that was read, since they act by being registered. */
export const measuresSchema = z
  .array(z.strictObject({ module: z.string().describe('ES module of a measure, relative to this file.') }))
  .optional()
  .describe('Measures of your own, beside the built-in ones.')

export const sourceSchema = z
  .string()
  .default('mnist')
  .describe('`mnist` for the embedded digits, or a folder with IDX files.')

export const backendSchema = z
  .enum(['auto', 'node', 'wasm', 'cpu'])
  .describe('Training backend: auto takes tfjs-node when it is installed and loads, else WebAssembly.')

export const splitSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('iid') }),
    z.strictObject({
      kind: z.literal('label-groups'),
      h: z.number().min(0).max(1).describe('Share of a label that goes to its own group; 1/classes is IID.'),
    }),
    z.strictObject({
      kind: z.literal('dirichlet'),
      a: z.number().gt(0).describe('Concentration; small is skewed.'),
    }),
    z.strictObject({
      kind: z.literal('shards'),
      perNode: z.int().min(1).describe('Shards of sorted labels per node.'),
    }),
  ])
  .describe('How training samples are dealt to the nodes.')

/** Groups of nodes by index, each with labels of its own. */
export const groupsSchema = z.array(z.array(z.int().min(0)).min(1)).min(1)

/** A split that needs nothing else to be carried out: its cliques are named, not taken from a topology. */
export const wholeSplitSchema = z
  .discriminatedUnion('kind', [
    ...splitSchema.options,
    z.strictObject({
      kind: z.literal('by-clique'),
      groups: groupsSchema.describe('Part numbers by clique; every part is in exactly one.'),
    }),
  ])
  .describe('How training samples are dealt to the nodes; by-clique gives each group labels of its own.')

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
      .describe('Test samples an evaluation looks at; the last one looks at all.'),
  })
  .prefault({})

export const trainingSchema = z
  .strictObject({
    rounds: z.int().min(1).max(LIMITS.maxRounds).default(20),
    localSteps: z.int().min(0).max(1_000_000).default(20).describe('Minibatch steps per node and round.'),
    batchSize: z.int().min(1).max(65_536).default(32),
    learningRate: z.number().gt(0).default(0.05),
    momentum: z.number().min(0).lt(1).default(0.9).describe('Starts at zero in every round.'),
    weightDecay: z.number().min(0).default(0),
    logitAdjustment: z
      .number()
      .min(0)
      .default(0)
      .describe(
        'Strength τ of logit adjustment: 1 trains as if every class were equally frequent in the own data, ' +
          '0 is plain cross entropy.',
      ),
    schedule: z
      .discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('constant') }),
        z.strictObject({ kind: z.literal('inverse-time'), decay: z.number().min(0) }),
        z.strictObject({ kind: z.literal('step'), every: z.int().min(1), factor: z.number().gt(0).max(1) }),
        z.strictObject({ kind: z.literal('cosine') }),
      ])
      .default({ kind: 'constant' })
      .describe('Learning rate over the rounds.'),
  })
  .prefault({})

export const deadlinesSchema = z
  .strictObject({
    joinMs: z
      .int()
      .min(1)
      .default(120_000)
      .describe('Wait at the start for all neighbours once one is there.'),
    collectMs: z.int().min(1).default(60_000).describe("Wait for the neighbours' models after publishing."),
    dialMs: z.int().min(1).default(20_000).describe('Opening a connection or stream.'),
    firstByteMs: z.int().min(1).default(20_000).describe('Until the first byte of a reply.'),
    transferMs: z.int().min(1).default(60_000).describe('A whole model.'),
    reconnectMs: z.int().min(1).default(5_000).describe('How long a lost neighbour still counts as live.'),
  })
  .prefault({})

/** How many of the keys that exclude each other are there. */
export function countGiven(fields: Readonly<Record<string, unknown>>, keys: readonly string[]): number {
  return keys.filter((key) => fields[key] !== undefined).length
}

/** The last round of an attack is not before its first. */
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
  .describe('What tables call it; default: its name and parameters.')
