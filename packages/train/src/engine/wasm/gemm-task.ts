/** Tasks for the kernel `gemm`; the meaning of each field is documented in `packages/train/kernels/gemm-task.ts`. */

import type { EngineMemory } from './engine-memory.js'
import type { Kernels } from './kernels.js'

const LAYOUTS = { rows: 0, columns: 1, kept: 2 } as const

/** Bytes of packed rows of A: see A_BLOCK there. */
export const PACKED_A_BYTES = 65_536
/** Bytes of one k of a panel of B. */
export const PANEL_BYTES = 64
/** Bytes of packed columns of B: enough for 16 columns at least, however long they are. */
export const PACKED_B_BYTES = 1 << 20

/** C = A·B for each item, or C = C + A·B. Addresses and strides in bytes. */
export interface Product {
  /** Rows of A and C lie in `groups` (1) groups of `groupRows`. */
  readonly groups?: number
  readonly groupRows: number
  readonly columns: number
  readonly items?: number
  readonly a: {
    readonly address: number
    readonly item?: number
    readonly start?: number
    readonly layout: 'rows' | 'columns'
    readonly groupStride?: number
    readonly stride: number
  }
  /** What is summed over: `segments` (1) pieces of `segmentLength`. */
  readonly segments?: number
  readonly segmentLength: number
  readonly segmentStride?: number
  readonly b: {
    readonly address: number
    readonly item?: number
    readonly layout: keyof typeof LAYOUTS
    readonly stride: number
  }
  readonly c: {
    readonly address: number
    readonly item?: number
    readonly groupStride?: number
    readonly stride: number
    readonly transposed?: boolean
  }
  readonly accumulate?: boolean
  readonly bias?: number
  readonly activation?: number
  readonly frame?: Padding | undefined
}

/** Zeros around an image: `rows` rows of `rowBytes` go to `start` and every `paddedRowBytes` after it. */
export interface Padding {
  readonly rows: number
  readonly rowBytes: number
  readonly start: number
  readonly paddedRowBytes: number
  readonly bytes: number
}

export interface GemmScratch {
  readonly packedA: number
  readonly packedB: number
  readonly padded: number
}

/** Bytes that `packedB` needs for sums over `depth` numbers. */
export function packedBytes(depth: number): number {
  return Math.max(PACKED_B_BYTES, PANEL_BYTES * depth)
}

/** Columns of B that fit into packed memory. */
function blockColumns(depth: number, columns: number): number {
  const most = Math.max(16, Math.floor(PACKED_B_BYTES / (PANEL_BYTES * Math.max(1, depth))) * 16)
  return Math.min(columns, most)
}

/** Whether all columns of B are packed at once, so that a later task can use them again (layout `kept`). */
export function packsAtOnce(depth: number, columns: number): boolean {
  return blockColumns(depth, columns) === columns
}

const FIELDS = 34

export class GemmTask {
  private readonly address: number
  private readonly memory: EngineMemory
  private readonly kernels: Kernels

  constructor(memory: EngineMemory, kernels: Kernels) {
    this.memory = memory
    this.kernels = kernels
    this.address = memory.reserve(4 * FIELDS)
  }

  write(product: Product, scratch: GemmScratch): void {
    const { a, b, c, frame, groupRows, columns, segmentLength } = product
    const { groups = 1, segments = 1, items = 1 } = product
    const fields = [
      ...[groups, groupRows, columns, items],
      ...[a.address, a.item ?? 0, a.start ?? 0, LAYOUTS[a.layout], a.groupStride ?? 0, a.stride],
      ...[
        segments,
        segmentLength,
        product.segmentStride ?? segmentLength * (a.layout === 'rows' ? 4 : a.stride),
      ],
      ...[b.address, b.item ?? 0, LAYOUTS[b.layout], b.stride],
      blockColumns(segments * segmentLength, columns),
      ...[c.address, c.item ?? 0, c.groupStride ?? groupRows * c.stride, c.stride],
      ...[Number(c.transposed ?? false), Number(product.accumulate ?? false)],
      ...[product.bias ?? 0, product.activation ?? 0],
      ...[frame?.rows ?? 0, frame?.rowBytes ?? 0, frame?.start ?? 0, frame?.paddedRowBytes ?? 0],
      ...[frame?.bytes ?? 0, scratch.packedA, scratch.packedB, scratch.padded],
    ]
    this.memory.int32.set(fields, this.address / 4)
  }

  run(): void {
    this.kernels.gemm(this.address)
  }

  /** Runs with other operands of the same shapes. */
  runOn(a: number, c: number): void {
    const { int32 } = this.memory
    int32[this.address / 4 + 4] = a
    int32[this.address / 4 + 18] = c
    this.kernels.gemm(this.address)
  }
}
