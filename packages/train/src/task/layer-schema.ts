/** The layers that a task may list, as users write them. Shapes and defaults are resolved in `model.ts`. */

import { z } from 'zod'

export const ACTIVATIONS = ['linear', 'relu', 'leaky-relu', 'gelu', 'silu', 'tanh', 'sigmoid'] as const
export type Activation = (typeof ACTIVATIONS)[number]

const size = z.int().min(1).max(1_000_000)
const pair = z.union([size, z.tuple([size, size])])
const name = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/)
  .optional()
  .describe('Name of the layer in tensor names; default: its position, counted from 0.')
const activation = z.enum(ACTIVATIONS).default('linear')
const bias = z.boolean().default(true).describe('Whether the layer adds a bias.')
const padding = z
  .enum(['valid', 'same'])
  .default('valid')
  .describe('valid: no padding. same: the output is the input divided by the stride, rounded up.')
const epsilon = z.number().gt(0).max(1).default(1e-5).describe('Added to the variance.')

const simpleLayers = [
  z.strictObject({ layer: z.literal('dense'), name, units: size, activation, bias }),
  z.strictObject({
    layer: z.literal('conv2d'),
    name,
    filters: size,
    kernel: pair,
    stride: pair.default(1),
    padding,
    activation,
    bias,
  }),
  z.strictObject({
    layer: z.literal('conv1d'),
    name,
    filters: size,
    kernel: size,
    stride: size.default(1),
    padding,
    activation,
    bias,
  }),
  z.strictObject({
    layer: z.literal('depthwise-conv2d'),
    name,
    kernel: pair,
    stride: pair.default(1),
    padding,
    multiplier: size.default(1).describe('Filters per channel.'),
    activation,
    bias,
  }),
  z.strictObject({
    layer: z.enum(['max-pool2d', 'average-pool2d']),
    name,
    size: pair,
    stride: pair.optional().describe('Default: the size.'),
    padding,
  }),
  z.strictObject({
    layer: z.enum(['max-pool1d', 'average-pool1d']),
    name,
    size,
    stride: size.optional().describe('Default: the size.'),
    padding,
  }),
  z.strictObject({
    layer: z.enum(['global-average-pool', 'global-max-pool']).describe('Over all positions of each channel.'),
    name,
  }),
  z.strictObject({ layer: z.literal('flatten'), name }),
  z.strictObject({
    layer: z.literal('layer-norm').describe('Over the channels of each position (Ba et al. 2016).'),
    name,
    epsilon,
  }),
  z.strictObject({
    layer: z
      .literal('group-norm')
      .describe('Over each group of channels at all positions (Wu and He, ECCV 2018).'),
    name,
    groups: size,
    epsilon,
  }),
  z.strictObject({
    layer: z.literal('dropout').describe('In training each value is zero with this probability.'),
    name,
    rate: z.number().min(0).lt(1),
  }),
  z.strictObject({
    layer: z.literal('embedding').describe('A vector for each token; only as the first layer.'),
    name,
    vocabulary: size,
    size,
  }),
  z.strictObject({
    layer: z.literal('position-embedding').describe('Adds a learnt vector for each position.'),
    name,
  }),
  z.strictObject({
    layer: z.enum(['lstm', 'gru']),
    name,
    units: size,
    output: z.enum(['last', 'all']).default('last').describe('The last state, or that of every step.'),
  }),
  z.strictObject({
    layer: z
      .literal('attention')
      .describe('Multi-head self-attention with projections (Vaswani et al. 2017).'),
    name,
    heads: size,
    causal: z.boolean().default(false).describe('Whether a position sees only itself and those before it.'),
  }),
  z.strictObject({ layer: z.literal('activation'), name, function: z.enum(ACTIVATIONS) }),
] as const

export type SimpleLayer = z.output<(typeof simpleLayers)[number]>
export type SimpleLayerInput = z.input<(typeof simpleLayers)[number]>

/** y = layers(x) + shortcut(x); without a shortcut, the input itself. */
export interface ResidualLayer {
  layer: 'residual'
  name?: string | undefined
  layers: Layer[]
  shortcut?: Layer[] | undefined
}
export interface ResidualLayerInput {
  layer: 'residual'
  name?: string | undefined
  layers: LayerInput[]
  shortcut?: LayerInput[] | undefined
}

export type Layer = SimpleLayer | ResidualLayer
export type LayerInput = SimpleLayerInput | ResidualLayerInput

export const layerSchema: z.ZodType<Layer, LayerInput> = z.lazy(() =>
  z.discriminatedUnion('layer', [
    ...simpleLayers,
    z.strictObject({
      layer: z
        .literal('residual')
        .describe('Adds the input, or a shortcut of it, to the output of its layers.'),
      name,
      layers: z.array(layerSchema).min(1).max(256),
      shortcut: z
        .array(layerSchema)
        .max(256)
        .optional()
        .describe('Layers between the input and the sum, where shapes differ.'),
    }),
  ]),
) as z.ZodType<Layer, LayerInput>
