/** The products with the recurrent kernel: one in each step of both passes, and one for its gradient. */

import type { RecurrentOperation } from '../../../task/operation.js'
import { type Product, packsAtOnce } from '../gemm-task.js'
import type { Frame, Workshop } from '../stage.js'

export interface RecurrentProducts {
  /** bias: with which the product begins; 0: it is added to what is there. */
  bindForward(frame: Frame, kernel: number, bias: number): void
  /** d: gradient of the products, batch × steps × gates·units. */
  bindBackward(frame: Frame, kernel: number, d: number, hidden: number, kernelGradient: number): void
  /** U·h of step `step` (from 1 up), from the hidden states before it. */
  forward(step: number, hidden: number, to: number): void
  /** Uᵀ·d of step `step` (from the last down to 1). */
  backward(step: number, d: number, to: number): void
  kernelGradient(frame: Frame): void
}

export function createRecurrentProducts(
  { kind, steps, units }: RecurrentOperation,
  workshop: Workshop,
): RecurrentProducts {
  const width = (kind === 'lstm' ? 4 : 3) * units
  // The kernel is packed in the first of the steps and kept for the others.
  const [first, next] = [workshop.task(units), workshop.task(units)]
  const [last, previous] = [workshop.task(width), workshop.task(width)]
  const gradient = workshop.task(steps)
  let kernelGradientAt = 0
  return {
    bindForward({ batch, scratch }, kernel, bias) {
      const product = (layout: 'columns' | 'kept'): Product => ({
        groupRows: batch,
        columns: width,
        segmentLength: units,
        a: { address: 0, layout: 'rows', stride: 4 * steps * units },
        b: { address: kernel, layout, stride: 4 * units },
        c: { address: 0, stride: kind === 'lstm' ? 4 * steps * width : 4 * width },
        accumulate: kind === 'lstm',
        bias,
      })
      first.write(product('columns'), scratch)
      next.write(product(packsAtOnce(units, width) ? 'kept' : 'columns'), scratch)
    },
    bindBackward({ batch, scratch }, kernel, d, hidden, kernelGradient) {
      const product = (layout: 'rows' | 'kept'): Product => ({
        groupRows: batch,
        columns: units,
        segmentLength: width,
        a: { address: 0, layout: 'rows', stride: 4 * steps * width },
        b: { address: kernel, layout, stride: 4 * units },
        c: { address: 0, stride: 4 * units },
        accumulate: kind === 'gru',
      })
      last.write(product('rows'), scratch)
      previous.write(product(packsAtOnce(width, units) ? 'kept' : 'rows'), scratch)
      kernelGradientAt = kernelGradient
      gradient.write(
        {
          groupRows: width,
          columns: units,
          items: batch,
          segmentLength: steps - 1,
          a: { address: d + 4 * width, item: 4 * steps * width, layout: 'columns', stride: 4 * width },
          b: { address: hidden, item: 4 * steps * units, layout: 'rows', stride: 4 * units },
          c: { address: kernelGradient, stride: 4 * units },
        },
        scratch,
      )
    },
    forward: (step, hidden, to) => (step === 1 ? first : next).runOn(hidden, to),
    backward: (step, d, to) => (step === steps - 1 ? last : previous).runOn(d, to),
    kernelGradient() {
      if (steps > 1) gradient.run()
      else workshop.kernels.fillRows(1, width * units, 0, kernelGradientAt)
    },
  }
}
