/**
 * The task: what the members of a run learn. One document, part of the manifest, so that all of them agree on how
 * data becomes numbers, on the model and its parameter layout, on the loss and on how a model is judged.
 */

import { z } from 'zod'
import { LOSSES } from '../engine/engine.js'
import { BUILT_IN_MODELS } from './built-in-models.js'
import { layerSchema } from './layer-schema.js'
import { METRIC_NAMES } from './metrics.js'

const sizes = z.int().min(1).max(1_000_000)
const columnName = z.string().min(1).max(200)
const finite = z.number()
const positive = z.number().gt(0)

/** The most classes, tokens or category values that a task may name one by one. */
export const MAX_NAMES = 100_000

const numberMissing = z
  .union([z.enum(['refuse', 'drop']), z.strictObject({ impute: finite })])
  .default('refuse')
  .describe('A missing value: an error, a sample that is left out, or this number.')
const categoryMissing = z
  .union([z.enum(['refuse', 'drop']), z.strictObject({ impute: z.string() })])
  .default('refuse')
  .describe('A missing value: an error, a sample that is left out, or this value.')

export const inputColumnSchema = z.discriminatedUnion('type', [
  z.strictObject({
    name: columnName,
    type: z.literal('number'),
    mean: finite.default(0).describe('Subtracted.'),
    deviation: positive.default(1).describe('Divided by, after the mean is subtracted.'),
    missing: numberMissing,
  }),
  z.strictObject({
    name: columnName,
    type: z.literal('category'),
    values: z.array(z.string()).min(1).max(MAX_NAMES).describe('Each value becomes an input of 0 or 1.'),
    other: z
      .enum(['refuse', 'zero'])
      .default('refuse')
      .describe('A value that is not listed: an error, or zeros in all of its inputs.'),
    missing: categoryMissing,
  }),
])

const constants = z.array(finite).max(100_000)
const inputSchema = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('image'),
      shape: z.tuple([sizes, sizes, sizes]).describe('Height, width, channels.'),
      mean: constants.optional().describe('Per channel, of values in [0, 1]. Default 0.'),
      deviation: z.array(positive).optional().describe('Per channel. Default 1.'),
    }),
    z.strictObject({
      type: z.literal('table'),
      columns: z.array(inputColumnSchema).min(1).max(100_000),
    }),
    z.strictObject({
      type: z.literal('tensor'),
      shape: z.array(sizes).min(1).max(3),
      mean: finite.default(0),
      deviation: positive.default(1),
    }),
    z.strictObject({
      type: z.literal('text'),
      column: columnName.default('text').describe('Key of the text in each line.'),
      length: sizes.describe(
        'Tokens per sample; shorter texts are filled with token 0, longer ones cut, or with next-token divided.',
      ),
      unit: z
        .enum(['byte', 'character', 'word'])
        .describe(
          'What a token is. Words are lower-cased runs of letters and digits, or single other characters.',
        ),
      vocabulary: z
        .array(z.string())
        .max(MAX_NAMES)
        .default([])
        .describe(
          'Tokens from number 2 on; 0 fills up, 1 is any other token. Not for bytes (token 1 + byte).',
        ),
    }),
  ])
  .describe('What a sample is, and how it becomes numbers.')

const classNames = z.array(z.string()).min(2).max(MAX_NAMES)
const outputSchema = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('class'),
      column: columnName.optional().describe('Column of the label, for tables and lines of text.'),
      classes: z
        .union([z.int().min(2).max(MAX_NAMES), classNames])
        .describe('Names of the classes in the order of their numbers, or how many there are.'),
    }),
    z.strictObject({
      type: z.literal('labels'),
      columns: z
        .array(columnName)
        .min(1)
        .max(MAX_NAMES)
        .describe('Columns of 0 or 1, several of which may be 1.'),
    }),
    z.strictObject({
      type: z.literal('number'),
      columns: z
        .array(z.strictObject({ name: columnName, mean: finite.default(0), deviation: positive.default(1) }))
        .min(1)
        .max(100_000)
        .describe('Columns to predict. The model learns (value − mean)/deviation.'),
    }),
    z.strictObject({ type: z.literal('next-token') }),
  ])
  .describe('What the model predicts.')

const optimiserSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('sgd') }),
    z.strictObject({
      kind: z.literal('adam'),
      beta1: z.number().min(0).lt(1).default(0.9),
      beta2: z.number().min(0).lt(1).default(0.999),
      epsilon: positive.default(1e-8),
      decoupled: z.boolean().default(false).describe('Weight decay as in AdamW.'),
    }),
  ])
  .describe('sgd uses the momentum of the training section. State is forgotten after each round.')

const tensorSchema = z.strictObject({ name: z.string().min(1).max(200), shape: z.array(sizes).max(8) })
export type TensorLayout = z.output<typeof tensorSchema>

const resolvedModels = [
  z.enum(BUILT_IN_MODELS),
  z.strictObject({ layers: z.array(layerSchema).min(1).max(1000) }).describe('Layers from the input on.'),
  z
    .strictObject({ tensors: z.array(tensorSchema).min(1).max(100_000) })
    .describe("Tensors of a model that only the trainer's own process knows."),
] as const
const modelSchema = z.union(resolvedModels).describe('The model.')
const writtenModelSchema = z
  .union([
    ...resolvedModels,
    z
      .strictObject({
        layersModel: z
          .string()
          .min(1)
          .describe('A Keras or tfjs LayersModel: its model.json, relative to this file.'),
      })
      .describe('Layers, and the parameters to begin with, from a model.json.'),
  ])
  .describe('The model.')

const fields = {
  name: z.string().min(1).max(100),
  input: inputSchema,
  output: outputSchema,
  loss: z.enum(LOSSES).optional().describe('Default: the usual one of the output.'),
  metrics: z
    .array(z.enum(METRIC_NAMES))
    .min(1)
    .optional()
    .describe('How models are judged; the first is the one that tables and charts show.'),
  model: modelSchema,
  optimiser: optimiserSchema.default({ kind: 'sgd' }),
}

const fileSchema = z.strictObject({
  task: fields.name,
  ...fields,
  model: writtenModelSchema,
  name: z.never().optional(),
})
// Interfaces, so that schemas elsewhere can name them in their types.
export interface TaskFile extends z.output<typeof fileSchema> {}
export interface TaskFileInput extends z.input<typeof fileSchema> {}

/** The task as users write it. */
export const taskFileSchema: z.ZodType<TaskFile, TaskFileInput> = fileSchema

/** The task as the manifest has it: nothing left to defaults, files by their hashes. */
export const taskSchema = z.strictObject({
  kind: z.literal('tempered/task'),
  version: z.literal(1),
  ...fields,
  loss: z.enum(LOSSES),
  metrics: z.array(z.enum(METRIC_NAMES)).min(1),
  optimiser: optimiserSchema,
  layout: z
    .array(tensorSchema)
    .min(1)
    .max(100_000)
    .describe('Tensors of the model in the order of the flat parameter vector, each row-major.'),
})
export type Task = z.output<typeof taskSchema>
