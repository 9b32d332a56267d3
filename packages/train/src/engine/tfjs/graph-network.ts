/**
 * Forward pass and hand-written backward pass of any model on tfjs tensors: each operation keeps what its way back
 * needs. tfjs's own gradients are not used, since the packages that are installed here do not register them and its
 * WebAssembly backend lacks kernels that they call.
 */

import type { Tensor } from '@tensorflow/tfjs-core'
import { volume } from '../../data/dataset.js'
import type { Model, Operation, ResidualOperation } from '../../task/operation.js'
import type { TrainingBackend } from './backend.js'
import type { Network } from './network.js'
import { activate } from './operations/activation.js'
import type { Applied, Workspace } from './operations/applied.js'
import { applyAttention } from './operations/attention.js'
import { applyConvolution } from './operations/convolution.js'
import { applyDense } from './operations/dense.js'
import { applyDropout } from './operations/dropout.js'
import { applyEmbedding, applyPositionEmbedding } from './operations/embedding.js'
import { applyNorm } from './operations/normalisation.js'
import { applyGlobalPool, applyPool } from './operations/pooling.js'
import { applyRecurrent } from './operations/recurrent.js'

export function createGraphNetwork(backend: TrainingBackend, model: Model): Network {
  const { tf } = backend
  return {
    shapeOf: ({ shape }) => shape,
    forward(tensors, inputs, batch, seed) {
      const work: Workspace = { backend, batch, seed, tensors, gradients: new Array(tensors.length) }
      const samples = tf.tensor(inputs, [batch, ...model.input], model.inputType)
      const chain = new Chain(work).append(model.operations, samples)
      return {
        // A copy: the next operation may change the memory that a backend shows.
        outputs: chain.output.dataSync<'float32'>().slice(),
        backward(upper) {
          chain.backward(tf.tensor(upper, [batch, ...model.output]))
          return work.gradients
        },
      }
    },
  }
}

class Chain {
  private readonly work: Workspace
  /** Operations so far, counted as the stages of the engine wasm-simd: it decides what dropout drops. */
  private count = 0

  constructor(work: Workspace) {
    this.work = work
  }

  append(operations: readonly Operation[], input: Tensor): Applied {
    const applied: Applied[] = []
    let value = input
    for (const operation of operations) {
      const next = this.apply(operation, value)
      applied.push(next)
      value = next.output
    }
    return {
      output: value,
      backward(upper) {
        let below = (): Tensor => upper
        for (const step of applied.toReversed()) below = step.backward(below())
        return below
      },
    }
  }

  private apply(operation: Operation, x: Tensor): Applied {
    const { work } = this
    const { tf } = work.backend
    if (operation.kind === 'flatten') {
      const output = tf.reshape(x, [work.batch, volume(operation.output)])
      return { output, backward: (upper) => () => tf.reshape(upper, x.shape) }
    }
    const index = this.count++
    switch (operation.kind) {
      case 'residual':
        return this.residual(operation, x)
      case 'dense':
        return applyDense(operation, x, work)
      case 'conv':
      case 'depthwise-conv':
        return applyConvolution(operation, x, work)
      case 'max-pool':
      case 'average-pool':
        return applyPool(operation, x, work)
      case 'global-average-pool':
      case 'global-max-pool':
        return applyGlobalPool(operation, x, work)
      case 'layer-norm':
      case 'group-norm':
        return applyNorm(operation, x, work)
      case 'dropout':
        return applyDropout(operation, x, work, index)
      case 'embedding':
        return applyEmbedding(operation, x, work)
      case 'position-embedding':
        return applyPositionEmbedding(operation, x, work)
      case 'lstm':
      case 'gru':
        return applyRecurrent(operation, x, work)
      case 'attention':
        return applyAttention(operation, x, work)
      case 'activation': {
        const { output, backward } = activate(tf, operation.activation, x)
        return { output, backward: (upper) => () => backward(upper) }
      }
    }
  }

  private residual({ body, shortcut }: ResidualOperation, x: Tensor): Applied {
    const { tf } = this.work.backend
    const [first, second] = [this.append(body, x), this.append(shortcut, x)]
    this.count++
    return {
      output: tf.add(first.output, second.output),
      backward(upper) {
        const [below, beside] = [first.backward(upper), second.backward(upper)]
        return () => tf.add(below(), beside())
      },
    }
  }
}
