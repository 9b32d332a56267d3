/** A second implementation of the models, in plain float64 loops after the documented layout, to check the trainer. */

import type { ConvOperation, DenseOperation, Model, PoolOperation } from '../../../src/task/operation.js'

function logits(model: Model, flat: Float64Array, image: number[]): number[] {
  let values = image
  for (const operation of model.operations) {
    if (operation.kind === 'flatten') continue
    const layer = operation as DenseOperation | ConvOperation | PoolOperation
    const [kernel, bias] = layer.tensors.map((index) => model.tensors[index])
    if (layer.kind === 'dense') {
      values = Array.from({ length: layer.units }, (_, u) => {
        let sum = flat[bias.offset + u]
        for (let i = 0; i < layer.inputs; i++) sum += flat[kernel.offset + u * layer.inputs + i] * values[i]
        return layer.activation === 'relu' ? Math.max(0, sum) : sum
      })
      continue
    }
    const below = values
    const [size] = layer.window.size
    const [, width, channels] = layer.window.from
    const [rows, columns, filters] = layer.window.to
    const at = (y: number, x: number, c: number) => below[(y * width + x) * channels + c]
    const next: number[] = []
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        for (let o = 0; o < filters; o++) {
          let sum = layer.kind === 'conv' ? flat[bias.offset + o] : Number.NEGATIVE_INFINITY
          for (let v = 0; v < size; v++) {
            for (let h = 0; h < size; h++) {
              if (layer.kind === 'max-pool') {
                sum = Math.max(sum, at(y * size + v, x * size + h, o))
                continue
              }
              for (let i = 0; i < channels; i++) {
                const weight = flat[kernel.offset + ((v * size + h) * channels + i) * filters + o]
                sum += weight * at(y + v, x + h, i)
              }
            }
          }
          next.push(layer.kind === 'conv' ? Math.max(0, sum) : sum)
        }
      }
    }
    values = next
  }
  return values
}

/** Mean cross entropy of all samples. */
export function referenceLoss(
  model: Model,
  flat: Float64Array,
  images: Uint8Array,
  labels: Uint8Array,
): number {
  const length = images.length / labels.length
  let total = 0
  labels.forEach((label, k) => {
    const image = Array.from(images.subarray(k * length, (k + 1) * length), (byte) => byte / 255)
    const z = logits(model, flat, image)
    const highest = Math.max(...z)
    total += highest + Math.log(z.reduce((sum, value) => sum + Math.exp(value - highest), 0)) - z[label]
  })
  return total / labels.length
}
