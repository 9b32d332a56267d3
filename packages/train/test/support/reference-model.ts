/** Every operation and loss in plain float64 loops, one sample at a time: what engines are compared with. */

import type { LossName } from '../../src/engine/engine.js'
import type { Activation } from '../../src/task/layer-schema.js'
import type {
  AttentionOperation,
  ConvOperation,
  DepthwiseConvOperation,
  Model,
  Operation,
  PoolOperation,
  RecurrentOperation,
  Window,
} from '../../src/task/operation.js'

type Numbers = Float64Array

/** To float64: the series by powers for small arguments, the continued fraction of the complement for large ones. */
export function erf(x: number): number {
  const size = Math.abs(x)
  if (size < 2.5) {
    let [term, sum] = [x, x]
    for (let n = 1; n < 100; n++) {
      term *= (-x * x) / n
      sum += term / (2 * n + 1)
    }
    return (2 / Math.sqrt(Math.PI)) * sum
  }
  let tail = 0
  for (let k = 100; k > 0; k--) tail = k / 2 / (size + tail)
  return Math.sign(x) * (1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * (size + tail)))
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

export const activations: Record<Activation, (x: number) => number> = {
  linear: (x) => x,
  relu: (x) => Math.max(x, 0),
  'leaky-relu': (x) => (x < 0 ? 0.01 * x : x),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  silu: (x) => x * sigmoid(x),
  tanh: Math.tanh,
  sigmoid,
}

/** Outputs of one sample. Dropout does nothing, as in evaluation. */
export function referenceForward(model: Model, parameters: Numbers, sample: ArrayLike<number>): Numbers {
  const tensor = (index: number): Numbers => {
    const { offset, length } = model.tensors[index]
    return parameters.subarray(offset, offset + length)
  }
  return run(model.operations, Float64Array.from(sample), tensor)
}

type Tensor = (index: number) => Numbers

function run(operations: readonly Operation[], input: Numbers, tensor: Tensor): Numbers {
  return operations.reduce((x, operation) => apply(operation, x, tensor), input)
}

function apply(operation: Operation, x: Numbers, tensor: Tensor): Numbers {
  const tensors = operation.tensors.map(tensor)
  switch (operation.kind) {
    case 'dense': {
      const { positions, inputs, units, activation } = operation
      return linear(x, tensors[0], tensors[1], positions, inputs, units).map(activations[activation])
    }
    case 'conv':
      return conv(operation, x, tensors)
    case 'depthwise-conv':
      return depthwise(operation, x, tensors)
    case 'max-pool':
    case 'average-pool':
      return pool(operation, x)
    case 'global-average-pool':
    case 'global-max-pool': {
      const { positions, channels } = operation
      return Float64Array.from({ length: channels }, (_, c) => {
        const values = Array.from({ length: positions }, (_, p) => x[p * channels + c])
        if (operation.kind === 'global-max-pool') return Math.max(...values)
        return values.reduce((sum, value) => sum + value, 0) / positions
      })
    }
    case 'flatten':
    case 'dropout':
      return x
    case 'layer-norm': {
      const { positions, channels } = operation
      const rows = Array.from({ length: positions }, (_, p) => range(channels).map((c) => p * channels + c))
      return normalise(x, rows, channels, operation.epsilon, tensors)
    }
    case 'group-norm': {
      const { positions, channels, groups } = operation
      const size = channels / groups
      const members = range(groups).map((g) =>
        range(positions).flatMap((p) => range(size).map((c) => p * channels + g * size + c)),
      )
      return normalise(x, members, channels, operation.epsilon, tensors)
    }
    case 'embedding': {
      const { size } = operation
      return Float64Array.from({ length: x.length * size }, (_, k) => {
        return tensors[0][x[Math.floor(k / size)] * size + (k % size)]
      })
    }
    case 'position-embedding':
      return x.map((value, k) => value + tensors[0][k])
    case 'lstm':
      return lstm(operation, x, tensors)
    case 'gru':
      return gru(operation, x, tensors)
    case 'attention':
      return attention(operation, x, tensors)
    case 'activation':
      return x.map(activations[operation.activation])
    case 'residual': {
      const shortcut = run(operation.shortcut, x, tensor)
      return run(operation.body, x, tensor).map((value, k) => value + shortcut[k])
    }
  }
}

function range(length: number): number[] {
  return Array.from({ length }, (_, k) => k)
}

function linear(
  x: Numbers,
  kernel: Numbers,
  bias: Numbers | undefined,
  positions: number,
  inputs: number,
  units: number,
): Numbers {
  const out = new Float64Array(positions * units)
  for (let p = 0; p < positions; p++) {
    for (let u = 0; u < units; u++) {
      let sum = bias?.[u] ?? 0
      for (let k = 0; k < inputs; k++) sum += kernel[u * inputs + k] * x[p * inputs + k]
      out[p * units + u] = sum
    }
  }
  return out
}

/** Calls `visit` for each output position and each position of its window inside the image. */
function overWindow(window: Window, visit: (to: number, from: number, tap: number) => void): void {
  const { from, to, size, stride, pad } = window
  for (let v = 0; v < to[0]; v++) {
    for (let u = 0; u < to[1]; u++) {
      for (let y = 0; y < size[0]; y++) {
        for (let x = 0; x < size[1]; x++) {
          const row = v * stride[0] + y - pad.top
          const column = u * stride[1] + x - pad.left
          if (row < 0 || row >= from[0] || column < 0 || column >= from[1]) continue
          visit(v * to[1] + u, row * from[1] + column, y * size[1] + x)
        }
      }
    }
  }
}

function conv({ window, activation }: ConvOperation, x: Numbers, [kernel, bias]: Numbers[]): Numbers {
  const [channels, filters] = [window.from[2], window.to[2]]
  const out = new Float64Array(window.to[0] * window.to[1] * filters).map((_, k) => bias?.[k % filters] ?? 0)
  overWindow(window, (to, from, tap) => {
    for (let c = 0; c < channels; c++) {
      for (let f = 0; f < filters; f++) {
        out[to * filters + f] += x[from * channels + c] * kernel[(tap * channels + c) * filters + f]
      }
    }
  })
  return out.map(activations[activation])
}

function depthwise(
  { window, multiplier, activation }: DepthwiseConvOperation,
  x: Numbers,
  [kernel, bias]: Numbers[],
): Numbers {
  const [channels, outputs] = [window.from[2], window.to[2]]
  const out = new Float64Array(window.to[0] * window.to[1] * outputs).map((_, k) => bias?.[k % outputs] ?? 0)
  overWindow(window, (to, from, tap) => {
    for (let f = 0; f < outputs; f++) {
      out[to * outputs + f] += x[from * channels + Math.floor(f / multiplier)] * kernel[tap * outputs + f]
    }
  })
  return out.map(activations[activation])
}

function pool({ kind, window }: PoolOperation, x: Numbers): Numbers {
  const channels = window.from[2]
  const out = new Float64Array(window.to[0] * window.to[1] * channels)
  if (kind === 'max-pool') out.fill(Number.NEGATIVE_INFINITY)
  const counts = new Float64Array(out.length)
  overWindow(window, (to, from) => {
    for (let c = 0; c < channels; c++) {
      const value = x[from * channels + c]
      const place = to * channels + c
      counts[place]++
      out[place] = kind === 'max-pool' ? Math.max(out[place], value) : out[place] + value
    }
  })
  return kind === 'max-pool' ? out : out.map((sum, k) => sum / counts[k])
}

function normalise(
  x: Numbers,
  groups: readonly number[][],
  channels: number,
  epsilon: number,
  [scale, shift]: Numbers[],
): Numbers {
  const out = new Float64Array(x.length)
  for (const members of groups) {
    const mean = members.reduce((sum, k) => sum + x[k], 0) / members.length
    const variance = members.reduce((sum, k) => sum + (x[k] - mean) ** 2, 0) / members.length
    for (const k of members) {
      out[k] = ((x[k] - mean) / Math.sqrt(variance + epsilon)) * scale[k % channels] + shift[k % channels]
    }
  }
  return out
}

function lstm(
  { steps, inputs, units, every }: RecurrentOperation,
  x: Numbers,
  [kernel, recurrent, bias]: Numbers[],
): Numbers {
  let [hidden, cell] = [new Float64Array(units), new Float64Array(units)]
  const all = new Float64Array(steps * units)
  for (let t = 0; t < steps; t++) {
    const own = linear(x.subarray(t * inputs, (t + 1) * inputs), kernel, bias, 1, inputs, 4 * units)
    const sums = linear(hidden, recurrent, own, 1, units, 4 * units)
    const gate = (which: number, k: number): number => sums[which * units + k]
    cell = cell.map((c, k) => sigmoid(gate(1, k)) * c + sigmoid(gate(0, k)) * Math.tanh(gate(2, k)))
    hidden = cell.map((c, k) => sigmoid(gate(3, k)) * Math.tanh(c))
    all.set(hidden, t * units)
  }
  return every ? all : hidden
}

function gru(
  { steps, inputs, units, every }: RecurrentOperation,
  x: Numbers,
  [kernel, recurrent, bias, recurrentBias]: Numbers[],
): Numbers {
  let hidden = new Float64Array(units)
  const all = new Float64Array(steps * units)
  for (let t = 0; t < steps; t++) {
    const own = linear(x.subarray(t * inputs, (t + 1) * inputs), kernel, bias, 1, inputs, 3 * units)
    const product = linear(hidden, recurrent, recurrentBias, 1, units, 3 * units)
    hidden = hidden.map((h, k) => {
      const reset = sigmoid(own[k] + product[k])
      const update = sigmoid(own[units + k] + product[units + k])
      const fresh = Math.tanh(own[2 * units + k] + reset * product[2 * units + k])
      return (1 - update) * fresh + update * h
    })
    all.set(hidden, t * units)
  }
  return every ? all : hidden
}

function attention(
  { positions, size, heads, causal }: AttentionOperation,
  x: Numbers,
  [kernel, bias, outputKernel, outputBias]: Numbers[],
): Numbers {
  const projected = linear(x, kernel, bias, positions, size, 3 * size)
  const width = size / heads
  const part = (which: number, p: number, h: number, k: number): number =>
    projected[p * 3 * size + which * size + h * width + k]
  const context = new Float64Array(positions * size)
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < positions; i++) {
      const seen = causal ? i + 1 : positions
      const scores = range(seen).map(
        (j) =>
          range(width).reduce((sum, k) => sum + part(0, i, h, k) * part(1, j, h, k), 0) / Math.sqrt(width),
      )
      const largest = Math.max(...scores)
      const weights = scores.map((score) => Math.exp(score - largest))
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      for (let k = 0; k < width; k++) {
        context[i * size + h * width + k] =
          weights.reduce((sum, weight, j) => sum + weight * part(2, j, h, k), 0) / total
      }
    }
  }
  return linear(context, outputKernel, outputBias, positions, size, size)
}

/** The loss of one sample's outputs. */
export function referenceLoss(
  loss: LossName,
  model: Model,
  outputs: Numbers,
  targets: ArrayLike<number>,
  offsets?: ArrayLike<number>,
): number {
  if (loss !== 'cross-entropy') {
    const sum = outputs.reduce((total, z, k) => total + elementLoss(loss, z, targets[k]), 0)
    return sum / outputs.length
  }
  const classes = model.output.at(-1) as number
  const counted = range(outputs.length / classes).filter((p) => targets[p] >= 0)
  if (counted.length === 0) return 0
  const sum = counted.reduce((total, p) => {
    const logits = range(classes).map((k) => outputs[p * classes + k] + (offsets?.[k] ?? 0))
    const largest = Math.max(...logits)
    const log = Math.log(logits.reduce((s, z) => s + Math.exp(z - largest), 0))
    return total + log + largest - logits[targets[p]]
  }, 0)
  return sum / counted.length
}

function elementLoss(loss: Exclude<LossName, 'cross-entropy'>, z: number, t: number): number {
  const error = Math.abs(z - t)
  switch (loss) {
    case 'binary-cross-entropy':
      return Math.max(z, 0) - z * t + Math.log1p(Math.exp(-Math.abs(z)))
    case 'squared':
      return error * error
    case 'absolute':
      return error
    case 'huber':
      return error <= 1 ? 0.5 * error * error : error - 0.5
  }
}
