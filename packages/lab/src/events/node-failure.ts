import { errorCode, errorMessage } from '@tempered/errors'
import type { NodeEvent } from './run-event.js'

type Failed = Extract<NodeEvent, { type: 'failed' }>

/** The event of a node that cannot continue. */
export function nodeFailed(index: number, error: unknown): Failed {
  const round = (error as { details?: { round?: unknown } } | undefined)?.details?.round
  return {
    type: 'failed',
    index,
    code: errorCode(error),
    message: errorMessage(error),
    ...(typeof round === 'number' ? { round } : {}),
  }
}

/** Its failure as scores and reports have it. */
export function failureOf(node: string, { code, message, round }: Omit<Failed, 'type' | 'index'>) {
  return { node, code, message, ...(round === undefined ? {} : { round }) }
}
