/** The activation of a dense layer or convolution: in the product's last step where that is possible. */

import type { Activation } from '../../../task/layer-schema.js'
import { type ArenaBuffer, createBuffer } from '../arena-plan.js'
import { ACTIVATION_CODES, type Kernels } from '../kernels.js'
import type { Frame, Value } from '../stage.js'
import { createValue, gradientOf, successorOf } from '../value.js'

export interface FusedActivation {
  /** Where the product goes. */
  readonly product: ArenaBuffer
  /** What the product applies itself. */
  readonly code: number
  readonly buffers: readonly ArenaBuffer[]
  forward(frame: Frame): void
  /** Returns the buffer of the derivative by the product, and those it needs. */
  planBackward(): { readonly gradient: ArenaBuffer; readonly buffers: readonly ArenaBuffer[] }
  backward(frame: Frame): void
}

export function fuseActivation(activation: Activation, output: Value, kernels: Kernels): FusedActivation {
  const code = ACTIVATION_CODES[activation]
  const fused = activation === 'linear' || activation === 'relu' || activation === 'leaky-relu'
  // The derivatives of these two are computed from the product, which has to be kept.
  const keeps = activation === 'gelu' || activation === 'silu'
  const product = keeps ? createBuffer(output.floats) : output.buffer
  let gradient: ArenaBuffer | undefined
  /** Whether the output's gradient is that of the product. */
  let done = false
  return {
    product,
    code: fused ? code : ACTIVATION_CODES.linear,
    buffers: [product, output.buffer],
    forward(frame) {
      if (fused) return
      kernels.activate(code, frame.at(product), frame.at(output.buffer), frame.batch * output.floats)
    },
    planBackward() {
      done = activation === 'linear' || output.gradientMasked
      gradient = done ? gradientOf(output) : successorOf(output)
      const buffers = [gradientOf(output), gradient]
      if (!done) buffers.push(product)
      return { gradient, buffers }
    },
    backward(frame) {
      if (done || gradient === undefined) return
      kernels.activationGradient(
        code,
        frame.at(product),
        frame.at(gradientOf(output)),
        frame.at(gradient),
        frame.batch * output.floats,
      )
    },
  }
}

/** The output of an operation that ends with this activation. */
export function activatedValue(floats: number, activation: Activation): Value {
  return createValue(floats, true, {
    overwritable: activation === 'linear',
    rectified: activation === 'relu',
  })
}

/** Buffers of the derivatives by a product and, where it is needed, by its input. */
export interface ProductGradients {
  readonly dz: ArenaBuffer
  readonly dx: ArenaBuffer | undefined
  /** What the backward pass of the operation uses. */
  readonly buffers: ArenaBuffer[]
}

export function planProductGradients(fused: FusedActivation, input: Value): ProductGradients {
  const { gradient: dz, buffers } = fused.planBackward()
  const dx = input.needsGradient ? createBuffer(input.floats) : undefined
  if (dx !== undefined) input.gradient = dx
  return { dz, dx, buffers: [input.buffer, ...buffers, ...(dx === undefined ? [] : [dx])] }
}
