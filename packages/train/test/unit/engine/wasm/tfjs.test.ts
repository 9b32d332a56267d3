/** The engine against the automatic gradients of tfjs on its cpu backend, which others have written. */

import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import { expect, it } from 'vitest'
import { full } from '../../../../../../test-support/tier.js'
import { createBackend, withBackend } from '../../../../src/engine/tfjs/backend.js'
import { createWasmEngine } from '../../../../src/engine/wasm/wasm-engine.js'
import { createProblem, fill } from '../../../support/engine-problem.js'

// Pools without padding: the gradient of tfjs divides by the whole window where a part of it lies outside.
it.runIf(full)('a stack of convolutions, pools and dense layers has the gradients of tfjs', async () => {
  const backend = await createBackend('cpu')
  // After the backend: both copies of tfjs-core share the engine of the one that was loaded first.
  await import('@tensorflow/tfjs-core/dist/register_all_gradients.js')
  const problem = createProblem({
    input: [11, 12, 3],
    layers: [
      { layer: 'conv2d', filters: 7, kernel: 3, padding: 'same', activation: 'relu' },
      { layer: 'max-pool2d', size: 2 },
      { layer: 'conv2d', filters: 5, kernel: [3, 2], stride: 2, padding: 'same', activation: 'tanh' },
      { layer: 'average-pool2d', size: 2, stride: 1 },
      { layer: 'flatten' },
      { layer: 'dense', units: 9, activation: 'sigmoid' },
      { layer: 'dense', units: 4 },
    ],
    loss: 'cross-entropy',
    batch: 5,
  })
  const { model, batch, parameters, inputs } = problem
  const labels = Int32Array.from({ length: batch }, (_, k) => k % 4)
  const program = createWasmEngine().compile(model, 'cross-entropy')
  fill(program, { ...problem, targets: labels })
  const own = new Float32Array(model.parameterCount)
  const loss = program.gradient(batch, { seed: 0 }, own)

  const { expectedLoss, expected } = await withBackend(backend, () => {
    const { tf } = backend
    const tensors = model.tensors.map(({ offset, length, shape }) =>
      tf.tensor(parameters.slice(offset, offset + length), [...shape]),
    )
    const images = tf.tensor4d(Float32Array.from(inputs), [batch, 11, 12, 3])
    const forward = (...[k0, b0, k1, b1, k2, b2, k3, b3]: Tensor[]): Tensor => {
      const first = tf.relu(tf.add(tf.conv2d(images, k0 as Tensor4D, 1, 'same'), b0)) as Tensor4D
      const pooled = tf.maxPool(first, 2, 2, 'valid')
      const second = tf.tanh(tf.add(tf.conv2d(pooled, k1 as Tensor4D, 2, 'same'), b1)) as Tensor4D
      const rows = tf.reshape(tf.avgPool(second, 2, 1, 'valid'), [batch, -1]) as Tensor2D
      const hidden = tf.sigmoid(tf.add(tf.matMul(rows, k2 as Tensor2D, false, true), b2)) as Tensor2D
      const logits = tf.add(tf.matMul(hidden, k3 as Tensor2D, false, true), b3)
      const chosen = tf.mul(
        tf.logSoftmax(logits),
        tf.cast(tf.oneHot(tf.tensor1d(labels, 'int32'), 4), 'float32'),
      )
      return tf.neg(tf.div(tf.sum(chosen), batch))
    }
    return tf.tidy(() => {
      const gradients = tf.grads(forward as (...args: Tensor[]) => Tensor)(tensors)
      return {
        expectedLoss: forward(...tensors).dataSync()[0] * batch,
        expected: gradients.map((gradient) => gradient.dataSync<'float32'>()),
      }
    })
  })

  expect(Math.abs(loss - expectedLoss)).toBeLessThan(1e-5)
  model.tensors.forEach(({ name, offset, length }, index) => {
    const theirs = expected[index]
    const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    expect(largest).toBeGreaterThan(1e-4)
    for (let k = 0; k < length; k++) {
      expect(Math.abs(own[offset + k] - theirs[k]) / largest, `${name} at ${k}`).toBeLessThan(2e-5)
    }
  })
})
