import { sha256 } from '@tempered/protocol'
import type { Aggregation, Evaluator } from '@tempered/robust-agg'

/** Mean loss of a model (length d) on the node's own samples; the same samples for every call of a round. */
export type LossOf = (parameters: Float32Array) => Promise<number>

export interface LossRun {
  readonly result: Aggregation
  /** The losses that the rule asked for, in that order; null for one that is not finite. */
  readonly losses: readonly (number | null)[]
}

/** More passes than any rule needs; otherwise a rule that always asks for new losses would never end. */
const MAX_PASSES = 64

/**
 * Runs a rule that may ask for losses. They come from another thread, but the rule cannot wait: it is run with the
 * known losses, the missing ones are computed, and it is run again until it asks for nothing new. `run` must have no
 * side effects.
 */
export async function runWithLosses(
  run: (evaluator: Evaluator) => Aggregation,
  lossOf: LossOf,
): Promise<LossRun> {
  const known = new Map<string, number>()
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const asked: (number | null)[] = []
    const missing = new Map<string, Float32Array>()
    const result = run({
      loss(parameters) {
        const key = contentKey(parameters)
        const loss = known.get(key)
        if (loss === undefined && !missing.has(key)) missing.set(key, parameters.slice())
        asked.push(loss !== undefined && Number.isFinite(loss) ? loss : null)
        return loss ?? Number.NaN
      },
    })
    if (missing.size === 0) return { result, losses: asked }
    for (const [key, parameters] of missing) known.set(key, await lossOf(parameters))
  }
  throw new Error(`the rule asked for new losses in each of ${MAX_PASSES} passes`)
}

/** Computes the loss of each model once. */
export function cachedLosses(lossOf: LossOf): LossOf {
  const known = new Map<string, Promise<number>>()
  return (parameters) => {
    const key = contentKey(parameters)
    const found = known.get(key) ?? lossOf(parameters)
    known.set(key, found)
    return found
  }
}

/**
 * An evaluator that answers with recorded losses in their order, as `runWithLosses` returned them; NaN past the end.
 */
export function recordedLosses(losses: readonly (number | null)[]): Evaluator & { readonly unused: number } {
  let next = 0
  return {
    loss: () => losses[next++] ?? Number.NaN,
    get unused() {
      return losses.length - next
    },
  }
}

function contentKey(parameters: Float32Array): string {
  const bytes = new Uint8Array(parameters.buffer, parameters.byteOffset, parameters.byteLength)
  return Buffer.from(sha256(bytes)).toString('base64')
}
