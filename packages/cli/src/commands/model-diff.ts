import { CliError } from '../errors.js'
import { table } from '../terminal/table.js'
import { warn } from '../terminal/warning.js'
import { type FoundModel, findModel } from './model-source.js'

export interface ModelDiffOptions {
  /** 1-based. */
  readonly round?: number
  readonly roundB?: number
  readonly blobs?: readonly string[]
  readonly json?: boolean
}

interface TensorDifference {
  readonly name: string
  readonly shape: readonly number[]
  /** L2 norms of the first tensor, of the second, and of their difference; and the largest difference. */
  readonly normA: number
  readonly normB: number
  readonly distance: number
  readonly largest: number
}

/** `tempered model diff`: how far two models of a run are apart. */
export async function modelDiff(pathA: string, pathB: string, options: ModelDiffOptions): Promise<void> {
  const a = await findModel(pathA, options.round, { extra: options.blobs })
  const b = await findModel(pathB, options.roundB ?? a.entry.body.round + 1, { extra: options.blobs })
  if (a.parameters.length !== b.parameters.length || layoutText(a) !== layoutText(b))
    throw new CliError('E_USAGE', `${pathA} and ${pathB} are models of different shapes`)
  if (!a.ledger.run.id.equals(b.ledger.run.id)) warn(new Error('these are models of two runs'))
  const tensors = differences(a, b)
  const whole = difference('all', [a.parameters.length], a.parameters, b.parameters)
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ a: nameOf(a), b: nameOf(b), ...whole, tensors })}\n`)
    return
  }
  const rows = [...tensors, whole].map(({ name, shape, normA, normB, distance, largest }) => [
    name,
    shape.join('×'),
    ...[normA, normB, distance, largest].map((value) => value.toPrecision(4)),
    normA === 0 ? '–' : `${((100 * distance) / normA).toFixed(2)} %`,
  ])
  const head = ['tensor', 'shape', '‖a‖', '‖b‖', '‖a − b‖', 'largest', 'of ‖a‖']
  const text = table([head, ...rows], new Set([2, 3, 4, 5, 6])).join('\n')
  process.stdout.write(`a: ${nameOf(a)}\nb: ${nameOf(b)}\n\n${text}\n`)
}

function layoutText({ task }: FoundModel): string {
  return JSON.stringify(task.task.layout)
}

function nameOf({ node, entry }: FoundModel): string {
  return `${node}, round ${entry.body.round + 1}`
}

function differences(a: FoundModel, b: FoundModel): TensorDifference[] {
  let offset = 0
  return a.task.task.layout.map(({ name, shape }) => {
    const start = offset
    offset += shape.reduce((product, size) => product * size, 1)
    return difference(name, shape, a.parameters.subarray(start, offset), b.parameters.subarray(start, offset))
  })
}

function difference(
  name: string,
  shape: readonly number[],
  a: Float32Array,
  b: Float32Array,
): TensorDifference {
  let [normA, normB, distance, largest] = [0, 0, 0, 0]
  for (let k = 0; k < a.length; k++) {
    const [x, y] = [a[k]!, b[k]!]
    normA += x * x
    normB += y * y
    distance += (x - y) * (x - y)
    largest = Math.max(largest, Math.abs(x - y))
  }
  return {
    name,
    shape,
    normA: Math.sqrt(normA),
    normB: Math.sqrt(normB),
    distance: Math.sqrt(distance),
    largest,
  }
}
