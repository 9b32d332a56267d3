import type { NamedTensor } from '../export/torch-layout.js'
import { TrainError } from '../trainer/train-error.js'

/** Names in a file are as long as whoever wrote it wants. */
const MOST_MESSAGE = 1000

/** Refuses a model file. Throws TrainError E_IMPORT, which names the file. */
export function refuseModel(file: string, message: string, cause?: unknown): never {
  const text = message.length > MOST_MESSAGE ? `${message.slice(0, MOST_MESSAGE)}…` : message
  throw new TrainError('E_IMPORT', `${file}: ${text}`, cause)
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function volume(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

export function shapeText(shape: readonly (number | null)[]): string {
  return `[${shape.map((size) => size ?? 'any').join(', ')}]`
}

/** Throws E_IMPORT for a tensor with NaN or an infinity. */
export function requireFinite(file: string, { name, shape, data }: NamedTensor): void {
  const at = data.findIndex((value) => !Number.isFinite(value))
  if (at >= 0)
    refuseModel(
      file,
      `${name} ${shapeText(shape)} holds ${data[at]} at element ${at}; a run cannot begin with it`,
    )
}
