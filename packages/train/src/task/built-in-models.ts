/** The models that a task can name instead of listing layers. */

import { TrainError } from '../trainer/train-error.js'
import type { LayerInput } from './layer-schema.js'
import type { Shape } from './operation.js'

export const BUILT_IN_MODELS = ['softmax', 'mlp', 'cnn', 'resnet8', 'tabular-mlp', 'lstm-text'] as const
export type BuiltInModel = (typeof BUILT_IN_MODELS)[number]

function image(name: BuiltInModel, input: Shape): void {
  if (input.length !== 3) {
    throw new TrainError(
      'E_MODEL_SHAPE',
      `model '${name}' needs images [height, width, channels], got [${input}]`,
    )
  }
}

/**
 * Layers of a built-in model for samples of shape `input` and `outputs` numbers per sample:
 * - `softmax`: one dense layer;
 * - `mlp`: dense 128, 64 with ReLU;
 * - `cnn`: conv 3×3×30, max-pool 2, conv 3×3×50, max-pool 2, dense 100, ReLU: the small network of the
 *   Byzantine-robust literature (as in Fang et al., CCS 2024, for BALANCE);
 * - `resnet8`: three residual blocks of 16, 32, 64 channels as in ResNet-8 of MLPerf Tiny (arXiv 2106.07597), with
 *   group normalisation in place of batch normalisation, whose statistics nodes cannot share;
 * - `tabular-mlp`: dense 64, 32 with layer normalisation and ReLU;
 * - `lstm-text`: embedding of 32, LSTM of 64, for tokens below `vocabulary`.
 * Throws TrainError E_MODEL_SHAPE.
 */
export function builtInLayers(
  name: BuiltInModel,
  input: Shape,
  outputs: number,
  vocabulary = 0,
): LayerInput[] {
  const flatten: LayerInput[] = input.length === 1 ? [] : [{ layer: 'flatten', name: 'flatten' }]
  switch (name) {
    case 'softmax':
      return [...flatten, { layer: 'dense', name: '0', units: outputs }]
    case 'mlp':
      return [
        ...flatten,
        { layer: 'dense', name: '0', units: 128, activation: 'relu' },
        { layer: 'dense', name: '1', units: 64, activation: 'relu' },
        { layer: 'dense', name: '2', units: outputs },
      ]
    case 'cnn':
      image(name, input)
      return [
        { layer: 'conv2d', filters: 30, kernel: 3, activation: 'relu' },
        { layer: 'max-pool2d', size: 2 },
        { layer: 'conv2d', filters: 50, kernel: 3, activation: 'relu' },
        { layer: 'max-pool2d', size: 2 },
        { layer: 'flatten', name: 'flatten' },
        { layer: 'dense', name: '4', units: 100, activation: 'relu' },
        { layer: 'dense', name: '5', units: outputs },
      ]
    case 'resnet8':
      image(name, input)
      return [
        { layer: 'conv2d', filters: 16, kernel: 3, padding: 'same', bias: false },
        { layer: 'group-norm', groups: 8 },
        { layer: 'activation', function: 'relu' },
        ...[16, 32, 64].flatMap((filters, block) => residualBlock(filters, block === 0 ? 1 : 2)),
        { layer: 'global-average-pool' },
        { layer: 'dense', units: outputs },
      ]
    case 'tabular-mlp':
      return [
        ...flatten,
        { layer: 'dense', units: 64 },
        { layer: 'layer-norm' },
        { layer: 'activation', function: 'relu' },
        { layer: 'dense', units: 32, activation: 'relu' },
        { layer: 'dense', units: outputs },
      ]
    case 'lstm-text':
      if (vocabulary < 1)
        throw new TrainError('E_MODEL_SHAPE', `model '${name}' needs tokens and their vocabulary`)
      return [
        { layer: 'embedding', vocabulary, size: 32 },
        { layer: 'lstm', units: 64 },
        { layer: 'dense', units: outputs },
      ]
  }
}

function residualBlock(filters: number, stride: number): LayerInput[] {
  const shortcut: LayerInput[] =
    stride === 1 ? [] : [{ layer: 'conv2d', filters, kernel: 1, stride, padding: 'same', bias: false }]
  return [
    {
      layer: 'residual',
      layers: [
        { layer: 'conv2d', filters, kernel: 3, stride, padding: 'same', bias: false },
        { layer: 'group-norm', groups: 8 },
        { layer: 'activation', function: 'relu' },
        { layer: 'conv2d', filters, kernel: 3, padding: 'same', bias: false },
        { layer: 'group-norm', groups: 8 },
      ],
      shortcut,
    },
    { layer: 'activation', function: 'relu' },
  ]
}
