/**
 * What one call of `gemm` computes: for each item (a sample, say) C = A·B, where A is m×k, B is k×n and C is m×n, all
 * float32. All addresses and strides are in bytes. `src/engine/wasm/gemm-task.ts` writes the fields in this order.
 */
@unmanaged
export class GemmTask {
  /** m = groups × groupRows: rows of A and C lie at group·groupStride + row·stride. */
  groups: i32
  groupRows: i32
  /** n */
  columns: i32
  items: i32

  a: usize
  aItem: usize
  /** From the beginning of an item, or of its frame, to row 0. */
  aStart: usize
  /** ROWS: rows of A are contiguous by segments of k. COLUMNS: rows of a group are 4 bytes apart. */
  aLayout: i32
  aGroupStride: usize
  /** ROWS: between rows of a group. COLUMNS: between consecutive k of a segment. */
  aStride: usize
  /** k = segments × segmentLength. */
  segments: i32
  segmentLength: i32
  segmentStride: usize

  b: usize
  bItem: usize
  /** ROWS: rows of B are contiguous. COLUMNS: B is given transposed. KEPT: what the task before this one packed. */
  bLayout: i32
  /** Between consecutive k; for COLUMNS between consecutive n. */
  bStride: usize
  /** Columns of B that are packed at a time; a multiple of 16, or all. */
  blockColumns: i32

  c: usize
  cItem: usize
  cGroupStride: usize
  /** Between the rows of a group; with `transposed` between columns, and rows of C are contiguous. */
  cStride: usize
  transposed: i32
  /** Whether the first item adds to C. Later items add if cItem is 0. */
  accumulate: i32
  /** n numbers (with `transposed` m) with which sums begin, or 0. */
  bias: usize
  /** LINEAR, RELU or LEAKY_RELU of `activation.ts`. */
  activation: i32

  /** Image rows to be copied into a frame of zeros before A is read; 0: A is read in place. */
  padRows: i32
  padRowBytes: usize
  /** First byte of the image in the frame. */
  padStart: usize
  paddedRowBytes: usize
  paddedBytes: usize

  /** Scratch: A_BLOCK bytes; k × blockColumns (rounded up to 16) floats; the frame. */
  packedA: usize
  packedB: usize
  padded: usize
}

export const ROWS: i32 = 0
export const COLUMNS: i32 = 1
export const KEPT: i32 = 2

/** Longest sum that is formed in registers; then it is added to C. A packed panel of B takes 16 KB. */
export const DEPTH: i32 = 256
/** Bytes of packed rows of A: a fraction of the second-level cache. */
export const A_BLOCK: i32 = 65536
