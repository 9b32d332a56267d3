/** Models that together have every operation, activation and loss, in the forms that engines treat differently. */

import type { LossName } from '../../src/engine/engine.js'
import { ACTIVATIONS, type LayerInput } from '../../src/task/layer-schema.js'
import type { Shape } from '../../src/task/operation.js'
import type { ProblemInit } from './engine-problem.js'

type Case = [string, Shape, LayerInput[], Partial<ProblemInit>?]

const dense: LayerInput = { layer: 'dense', units: 3 }
const tail: LayerInput[] = [{ layer: 'flatten' }, dense]
const inner = (layer: LayerInput): LayerInput[] => [
  { layer: 'conv2d', filters: 5, kernel: 1 },
  layer,
  ...tail,
]
const residual = (layers: LayerInput[], shortcut: LayerInput[] = []): LayerInput => ({
  layer: 'residual',
  layers,
  shortcut,
})

export const ENGINE_CASES: readonly Case[] = [
  ['dense', [7], [dense]],
  ['dense, wide', [5], [{ layer: 'dense', units: 37 }, dense]],
  ['dense, long sum', [700], [{ layer: 'dense', units: 9 }], { batch: 2 }],
  [
    'dense over positions',
    [4, 5],
    [
      { layer: 'dense', units: 6, bias: false },
      { layer: 'dense', units: 3 },
    ],
  ],
  ['batch of 1', [9], [{ layer: 'dense', units: 6, activation: 'tanh' }, dense], { batch: 1 }],
  ['batch of 32', [9], [{ layer: 'dense', units: 70, activation: 'silu' }, dense], { batch: 32 }],
  ['conv', [7, 6, 3], [{ layer: 'conv2d', filters: 5, kernel: 3 }, ...tail]],
  ['conv, one channel', [6, 6, 1], [{ layer: 'conv2d', filters: 7, kernel: 3 }, ...tail], { batch: 32 }],
  ['conv, same', [5, 7, 3], inner({ layer: 'conv2d', filters: 7, kernel: 3, padding: 'same' })],
  ['conv, stride 2', [7, 8, 1], inner({ layer: 'conv2d', filters: 5, kernel: 3, stride: 2 })],
  [
    'conv, stride 2, same',
    [7, 8, 1],
    inner({ layer: 'conv2d', filters: 9, kernel: 3, stride: 2, padding: 'same' }),
  ],
  ['conv, stride above kernel', [7, 7, 2], inner({ layer: 'conv2d', filters: 3, kernel: 1, stride: 2 })],
  [
    'conv, uneven',
    [9, 8, 2],
    inner({ layer: 'conv2d', filters: 3, kernel: [2, 4], stride: [3, 1], padding: 'same' }),
  ],
  [
    'conv, many channels',
    [4, 4, 3],
    [
      { layer: 'conv2d', filters: 100, kernel: 1 },
      { layer: 'conv2d', filters: 13, kernel: 3, padding: 'same' },
      ...tail,
    ],
  ],
  [
    'conv, by Winograd',
    [7, 6, 3],
    [
      { layer: 'conv2d', filters: 9, kernel: 1 },
      { layer: 'conv2d', filters: 11, kernel: 3, activation: 'relu' },
      ...tail,
    ],
  ],
  [
    'conv, by Winograd, same',
    [8, 9, 3],
    [
      { layer: 'conv2d', filters: 20, kernel: 1 },
      { layer: 'conv2d', filters: 37, kernel: 3, padding: 'same', bias: false },
      { layer: 'conv2d', filters: 8, kernel: 3, padding: 'same', activation: 'leaky-relu' },
      ...tail,
    ],
    { batch: 2 },
  ],
  [
    'conv, by Winograd, several tiles at a time',
    [14, 14, 1],
    [
      { layer: 'conv2d', filters: 47, kernel: 1 },
      { layer: 'conv2d', filters: 50, kernel: 3, padding: 'same' },
      { layer: 'global-average-pool' },
      dense,
    ],
    { batch: 1 },
  ],
  [
    'conv, long rows of the window',
    [5, 4, 3],
    [
      { layer: 'conv2d', filters: 70, kernel: 1 },
      { layer: 'conv2d', filters: 13, kernel: 5, padding: 'same' },
      ...tail,
    ],
  ],
  [
    'conv1d',
    [9, 3],
    [
      { layer: 'conv1d', filters: 5, kernel: 3, padding: 'same' },
      { layer: 'conv1d', filters: 4, kernel: 2, stride: 2 },
      ...tail,
    ],
  ],
  ['depthwise', [6, 5, 3], inner({ layer: 'depthwise-conv2d', kernel: 3 })],
  [
    'depthwise, multiplier',
    [6, 5, 3],
    inner({
      layer: 'depthwise-conv2d',
      kernel: 3,
      multiplier: 3,
      stride: 2,
      padding: 'same',
      activation: 'leaky-relu',
    }),
  ],
  ['max-pool', [7, 6, 2], inner({ layer: 'max-pool2d', size: 2 })],
  ['max-pool, overlapping', [7, 6, 2], inner({ layer: 'max-pool2d', size: 3, stride: 2, padding: 'same' })],
  [
    'max-pool1d',
    [9, 5],
    [{ layer: 'conv1d', filters: 6, kernel: 1 }, { layer: 'max-pool1d', size: 2 }, ...tail],
  ],
  ['average-pool', [7, 6, 2], inner({ layer: 'average-pool2d', size: 3, stride: 2, padding: 'same' })],
  ['global-average-pool', [5, 4, 2], inner({ layer: 'global-average-pool' })],
  ['global-max-pool', [5, 4, 2], inner({ layer: 'global-max-pool' })],
  ['layer-norm', [4, 6], [{ layer: 'dense', units: 7 }, { layer: 'layer-norm' }, ...tail]],
  ['layer-norm first', [9], [{ layer: 'layer-norm' }, dense]],
  [
    'group-norm',
    [5, 4, 2],
    [{ layer: 'conv2d', filters: 6, kernel: 1 }, { layer: 'group-norm', groups: 3 }, ...tail],
  ],
  ['group-norm, one group', [7, 7, 3], [{ layer: 'group-norm', groups: 1 }, ...tail]],
  ['embedding', [6], [{ layer: 'embedding', vocabulary: 11, size: 5 }, ...tail], { vocabulary: 11 }],
  ['position-embedding', [6, 3], [{ layer: 'dense', units: 5 }, { layer: 'position-embedding' }, ...tail]],
  ['lstm', [5, 3], [{ layer: 'lstm', units: 7 }, dense]],
  ['lstm, one step', [1, 3], [{ layer: 'lstm', units: 5 }, dense]],
  ['lstm, two', [4, 3], [{ layer: 'lstm', units: 5, output: 'all' }, { layer: 'lstm', units: 3 }, dense]],
  ['gru', [5, 3], [{ layer: 'gru', units: 7 }, dense]],
  ['gru, two', [4, 3], [{ layer: 'gru', units: 5, output: 'all' }, { layer: 'gru', units: 9 }, dense]],
  ['attention', [5, 6], [{ layer: 'attention', heads: 2 }, ...tail]],
  [
    'attention, causal',
    [7, 4],
    [{ layer: 'dense', units: 9 }, { layer: 'attention', heads: 3, causal: true }, ...tail],
  ],
  ['residual', [5, 5, 3], inner(residual([{ layer: 'conv2d', filters: 5, kernel: 3, padding: 'same' }]))],
  [
    'residual, activation last',
    [5, 5, 3],
    inner(residual([{ layer: 'conv2d', filters: 5, kernel: 3, padding: 'same', activation: 'sigmoid' }])),
  ],
  [
    'residual, shortcut',
    [5, 5, 3],
    inner(
      residual(
        [
          { layer: 'conv2d', filters: 6, kernel: 3, stride: 2, padding: 'same' },
          { layer: 'group-norm', groups: 2 },
          { layer: 'activation', function: 'silu' },
        ],
        [{ layer: 'conv2d', filters: 6, kernel: 1, stride: 2, padding: 'same' }],
      ),
    ),
  ],
  [
    'residual, nested',
    [6],
    [
      { layer: 'dense', units: 5 },
      residual([
        { layer: 'dense', units: 5, activation: 'tanh' },
        residual([{ layer: 'activation', function: 'gelu' }]),
        residual([{ layer: 'dense', units: 5 }, residual([{ layer: 'dense', units: 5 }])]),
      ]),
      dense,
    ],
  ],
  ['residual at the input', [6], [residual([{ layer: 'dense', units: 6 }]), dense]],
  [
    'transformer block',
    [5],
    [
      { layer: 'embedding', vocabulary: 7, size: 6 },
      { layer: 'position-embedding' },
      residual([{ layer: 'layer-norm' }, { layer: 'attention', heads: 2, causal: true }]),
      residual([
        { layer: 'layer-norm' },
        { layer: 'dense', units: 13, activation: 'gelu' },
        { layer: 'dense', units: 6 },
      ]),
      { layer: 'dense', units: 7 },
    ],
    { vocabulary: 7, loss: 'cross-entropy' },
  ],
  ...ACTIVATIONS.map(
    (name): Case => [
      `${name} in a dense layer`,
      [6],
      [{ layer: 'dense', units: 9, activation: name }, dense],
    ],
  ),
  ...ACTIVATIONS.map(
    (name): Case => [
      `${name} by itself`,
      [6],
      [{ layer: 'dense', units: 9 }, { layer: 'activation', function: name }, dense],
    ],
  ),
  ...(['cross-entropy', 'binary-cross-entropy', 'squared', 'absolute', 'huber'] as const).map(
    (loss: LossName): Case => [`loss ${loss}`, [6], [{ layer: 'dense', units: 5 }], { loss, batch: 7 }],
  ),
  ['cross-entropy of positions', [4, 3], [{ layer: 'dense', units: 5 }], { loss: 'cross-entropy', batch: 5 }],
]
