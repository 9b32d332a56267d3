/**
 * Frames between a node and a trainer process, in both directions: two unsigned 32-bit little-endian lengths, that of
 * a JSON text in UTF-8 and that of the tensor bytes behind it, then both. Tensor bytes are float32, little-endian.
 */

import { TrainError } from '../train-error.js'

const HEAD_BYTES = 8
/** The most bytes of one JSON text. */
export const MAX_JSON_BYTES = 1 << 20

export interface Frame {
  readonly message: unknown
  /** A copy; empty without tensor bytes. */
  readonly tensor: Float32Array
}

/** The head and the JSON text of a frame; the tensor bytes follow as they are. */
export function encodeFrameHead(message: object, tensorBytes: number): Buffer {
  const json = Buffer.from(JSON.stringify(message), 'utf8')
  const head = Buffer.alloc(HEAD_BYTES + json.length)
  head.writeUInt32LE(json.length, 0)
  head.writeUInt32LE(tensorBytes, 4)
  json.copy(head, HEAD_BYTES)
  return head
}

/** E_TRAINER_LAYOUT: no other start of the same program returns another number of parameters. */
export function wrongCount(found: number, wanted: number): TrainError {
  return new TrainError(
    'E_TRAINER_LAYOUT',
    `the trainer returned ${found} parameters, but the run's model has ${wanted}; build the same model as the task says, ` +
      'and answer `hello` with the layout of your own, so that the node compares at the start',
  )
}

/** Puts frames together from the pieces of a stream. */
export class FrameReader {
  private readonly maxTensorBytes: number
  private readonly head = Buffer.alloc(HEAD_BYTES)
  private headBytes = 0
  private json = Buffer.alloc(0)
  private jsonBytes = 0
  private tensor = new Float32Array(0)
  private tensorBytes = 0

  /** @param maxTensorBytes the most tensor bytes that one frame may have */
  constructor(maxTensorBytes: number) {
    this.maxTensorBytes = maxTensorBytes
  }

  /**
   * The frames that this piece completes. Throws E_TRAINER_PROTOCOL for lengths out of bounds and for bad JSON,
   * E_TRAINER_LAYOUT for more parameters than the model has.
   */
  push(piece: Uint8Array): Frame[] {
    const frames: Frame[] = []
    let rest = piece
    while (rest.length > 0) {
      rest = this.take(rest)
      const frame = this.finished()
      if (frame !== undefined) frames.push(frame)
    }
    return frames
  }

  private take(piece: Uint8Array): Uint8Array {
    if (this.headBytes < HEAD_BYTES) {
      const length = Math.min(HEAD_BYTES - this.headBytes, piece.length)
      this.head.set(piece.subarray(0, length), this.headBytes)
      this.headBytes += length
      if (this.headBytes === HEAD_BYTES) this.begin(this.head.readUInt32LE(0), this.head.readUInt32LE(4))
      return piece.subarray(length)
    }
    if (this.jsonBytes < this.json.length) {
      const length = Math.min(this.json.length - this.jsonBytes, piece.length)
      this.json.set(piece.subarray(0, length), this.jsonBytes)
      this.jsonBytes += length
      return piece.subarray(length)
    }
    const bytes = new Uint8Array(this.tensor.buffer)
    const length = Math.min(bytes.length - this.tensorBytes, piece.length)
    bytes.set(piece.subarray(0, length), this.tensorBytes)
    this.tensorBytes += length
    return piece.subarray(length)
  }

  private begin(jsonBytes: number, tensorBytes: number): void {
    // Text that went astray gives a first length beyond the limit, so this is a frame, of another model.
    if (jsonBytes >= 2 && jsonBytes <= MAX_JSON_BYTES && tensorBytes % 4 === 0) {
      if (tensorBytes > this.maxTensorBytes) throw wrongCount(tensorBytes / 4, this.maxTensorBytes / 4)
    }
    if (
      jsonBytes < 2 ||
      jsonBytes > MAX_JSON_BYTES ||
      tensorBytes > this.maxTensorBytes ||
      tensorBytes % 4 !== 0
    ) {
      if (jsonBytes >= 2 && jsonBytes <= MAX_JSON_BYTES && tensorBytes <= this.maxTensorBytes)
        throw new TrainError(
          'E_TRAINER_PROTOCOL',
          `a frame announces ${tensorBytes} bytes of tensors, which is no whole number of float32; send 4 bytes for each number`,
        )
      throw new TrainError(
        'E_TRAINER_PROTOCOL',
        `a frame of ${jsonBytes} bytes of JSON and ${tensorBytes} of tensors; at most ${MAX_JSON_BYTES} and ` +
          `${this.maxTensorBytes} are allowed. Write to standard output only through the helper; print to standard error`,
      )
    }
    this.json = Buffer.alloc(jsonBytes)
    this.tensor = new Float32Array(tensorBytes / 4)
    this.jsonBytes = 0
    this.tensorBytes = 0
  }

  private finished(): Frame | undefined {
    if (this.headBytes < HEAD_BYTES || this.jsonBytes < this.json.length) return undefined
    if (this.tensorBytes < this.tensor.byteLength) return undefined
    this.headBytes = 0
    const { tensor } = this
    try {
      return { message: JSON.parse(this.json.toString('utf8')), tensor }
    } catch (cause) {
      throw new TrainError(
        'E_TRAINER_PROTOCOL',
        `a frame that is not JSON: ${this.json.toString('utf8', 0, 80)}`,
        cause,
      )
    }
  }
}
