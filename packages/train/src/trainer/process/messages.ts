/** Messages between a node and a trainer process; docs/trainers.md has them as a table. */

import { issueText, valueAt } from '@tempered/protocol'
import { z } from 'zod'
import { METRIC_NAMES } from '../../task/metrics.js'
import type { Task, TensorLayout } from '../../task/task-schema.js'
import { TrainError } from '../train-error.js'

export const TRAINER_PROTOCOL_VERSION = 1

/** From the node. Every request gets one reply before the next is sent. */
export type TrainerRequest =
  | {
      readonly type: 'hello'
      readonly version: number
      readonly task: Task
      /** Tensors in the order of the flat vector, with the first element of each. */
      readonly layout: readonly (TensorLayout & { readonly offset: number })[]
      readonly parameters: number
      /** Position of the node among the members of the run. */
      readonly node: number | string
      readonly seed: number | string
    }
  /** With the parameters as tensor bytes. */
  | { readonly type: 'set' }
  | {
      readonly type: 'train'
      readonly round: number
      readonly steps: number
      readonly batchSize: number
      readonly learningRate: number
      readonly momentum: number
      readonly weightDecay: number
      readonly logitAdjustment: number
      /** For the order of samples in this round: an integer in [0, 2³²), the same when a round is repeated. */
      readonly seed: number
    }
  /** On test samples, or on training samples in an order that the round decides. */
  | {
      readonly type: 'evaluate'
      readonly on: 'test' | 'training'
      readonly round: number | null
      readonly limit: number | null
    }
  /** Mean losses of `count` vectors (the tensor bytes, one after the other) on training samples. */
  | {
      readonly type: 'losses'
      readonly count: number
      readonly round: number
      readonly limit: number
    }
  | { readonly type: 'get' }
  | { readonly type: 'shutdown' }

const numberOrNull = z.number().nullable()
const count = z.int().min(0)

const replySchemas = {
  hello: z.object({
    type: z.literal('hello'),
    version: z.literal(TRAINER_PROTOCOL_VERSION),
    layout: z.array(z.object({ name: z.string(), shape: z.array(z.int().min(1)) })),
    samples: count.describe('Training samples.'),
    testSamples: count,
    data: z.string().max(200).describe('What distinguishes the data from other data, e.g. its SHA-256.'),
  }),
  set: z.object({ type: z.literal('set') }),
  train: z.object({ type: z.literal('train'), loss: numberOrNull, samples: count }),
  evaluate: z.object({
    type: z.literal('evaluate'),
    loss: numberOrNull,
    metrics: z.partialRecord(z.enum(METRIC_NAMES), numberOrNull),
    samples: count,
  }),
  losses: z.object({ type: z.literal('losses'), values: z.array(numberOrNull) }),
  get: z.object({ type: z.literal('get') }),
  shutdown: z.object({ type: z.literal('shutdown') }),
} as const

export type TrainerReplies = { [K in keyof typeof replySchemas]: z.output<(typeof replySchemas)[K]> }

const errorSchema = z.object({ type: z.literal('error'), message: z.string().max(10_000) })

/** Checks a reply. Throws E_TRAINER_FAILED with the process's own message, E_TRAINER_PROTOCOL for a malformed one. */
export function parseReply<K extends TrainerRequest['type']>(type: K, message: unknown): TrainerReplies[K] {
  const failure = errorSchema.safeParse(message)
  if (failure.success) {
    throw new TrainError('E_TRAINER_FAILED', `the trainer could not do '${type}': ${failure.data.message}`)
  }
  const parsed = replySchemas[type].safeParse(message)
  if (parsed.success) return parsed.data as TrainerReplies[K]
  const [issue] = parsed.error.issues
  const path = issue?.path ?? []
  const text = issue === undefined ? 'malformed' : issueText(issue, valueAt(message, path))
  // The first reply of a program that is no trainer, such as one that echoes what it reads.
  const hint = type === 'hello' ? '; does this program speak the protocol of docs/trainers.md?' : ''
  throw new TrainError(
    'E_TRAINER_PROTOCOL',
    `the trainer's reply to '${type}'${path.length === 0 ? '' : `, field ${path.map(String).join('.')}`}: ${text}${hint}`,
  )
}
