/**
 * The products of one head. Q, K and V of all heads lie side by side in rows of 3·size numbers, the contexts of all
 * heads in rows of size; the weights are batch × heads × positions × positions.
 */

import type { Product } from '../gemm-task.js'
import type { Frame, Workshop } from '../stage.js'

interface HeadInit {
  readonly head: number
  readonly heads: number
  readonly positions: number
  readonly size: number
}

/** Addresses of the whole buffers. */
interface HeadBuffers {
  readonly qkv: number
  readonly p: number
  readonly dQkv: number
  readonly dP: number
  readonly dC: number
}

export interface Head {
  bindForward(frame: Frame, qkv: number, p: number, context: number): void
  bindBackward(frame: Frame, buffers: HeadBuffers): void
  /** Q·Kᵀ */
  scores(): void
  /** P·V */
  context(): void
  /** dV = Pᵀ·dC and dP = dC·Vᵀ */
  weightGradient(): void
  /** dQ = dS·K and dK = dSᵀ·Q, where dP has become dS. */
  projectedGradient(): void
}

export function createHead({ head, heads, positions, size }: HeadInit, workshop: Workshop): Head {
  const width = size / heads
  const square = 4 * positions * positions
  const place = 4 * head * width
  const [scores, context] = [workshop.task(width), workshop.task(positions)]
  const [dValues, dWeights] = [workshop.task(positions), workshop.task(width)]
  const [dQueries, dKeys] = [workshop.task(positions), workshop.task(positions)]
  /** Rows of Q (part 0), K (1) or V (2). */
  const part = (qkv: number, which: number) => ({
    address: qkv + 4 * which * size + place,
    item: 12 * positions * size,
    stride: 12 * size,
  })
  const weights = (p: number) => ({ address: p + head * square, item: heads * square, stride: 4 * positions })
  const mixed = (c: number) => ({ address: c + place, item: 4 * positions * size, stride: 4 * size })
  const product = (batch: number, columns: number, depth: number) => ({
    groupRows: positions,
    columns,
    items: batch,
    segmentLength: depth,
  })
  return {
    bindForward({ batch, scratch }, qkv, p, c) {
      const first: Product = {
        ...product(batch, positions, width),
        a: { ...part(qkv, 0), layout: 'rows' },
        b: { ...part(qkv, 1), layout: 'columns' },
        c: weights(p),
      }
      const second: Product = {
        ...product(batch, width, positions),
        a: { ...weights(p), layout: 'rows' },
        b: { ...part(qkv, 2), layout: 'rows' },
        c: mixed(c),
      }
      scores.write(first, scratch)
      context.write(second, scratch)
    },
    bindBackward({ batch, scratch }, { qkv, p, dQkv, dP, dC }) {
      const overPositions = product(batch, width, positions)
      const upper = mixed(dC)
      const lower = weights(dP)
      dValues.write(
        {
          ...overPositions,
          a: { ...weights(p), layout: 'columns' },
          b: { ...upper, layout: 'rows' },
          c: part(dQkv, 2),
        },
        scratch,
      )
      dWeights.write(
        {
          ...product(batch, positions, width),
          a: { ...upper, layout: 'rows' },
          b: { ...part(qkv, 2), layout: 'columns' },
          c: lower,
        },
        scratch,
      )
      dQueries.write(
        {
          ...overPositions,
          a: { ...lower, layout: 'rows' },
          b: { ...part(qkv, 1), layout: 'rows' },
          c: part(dQkv, 0),
        },
        scratch,
      )
      dKeys.write(
        {
          ...overPositions,
          a: { ...lower, layout: 'columns' },
          b: { ...part(qkv, 0), layout: 'rows' },
          c: part(dQkv, 1),
        },
        scratch,
      )
    },
    scores: () => scores.run(),
    context: () => context.run(),
    weightGradient() {
      dValues.run()
      dWeights.run()
    },
    projectedGradient() {
      dQueries.run()
      dKeys.run()
    },
  }
}
