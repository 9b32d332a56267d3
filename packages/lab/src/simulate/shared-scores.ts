import { createHash } from 'node:crypto'
import type { LocalTraining } from '@tempered/node'

/** Models whose scores are remembered. */
const MOST = 4_096

/**
 * Lets the nodes of a simulation share the scores of models: architectures of a common chain have each of them score the
 * same models on the same test samples.
 */
export function createSharedScores(): (training: LocalTraining) => LocalTraining {
  const scores = new Map<string, Promise<number>>()
  return (training) => {
    const { score } = training
    if (score === undefined) return training
    return {
      samplingRate: training.samplingRate,
      train: (round, parameters) => training.train(round, parameters),
      evaluate: (round, parameters) => training.evaluate(round, parameters),
      loss: (round, parameters) => training.loss(round, parameters),
      measure: training.measure,
      score(parameters) {
        const { buffer, byteOffset, byteLength } = parameters
        const key = createHash('sha256')
          .update(new Uint8Array(buffer, byteOffset, byteLength))
          .digest('base64')
        const known = scores.get(key)
        if (known !== undefined) return known
        const measured = score(parameters)
        scores.set(key, measured)
        for (const oldest of scores.keys()) {
          if (scores.size <= MOST) break
          scores.delete(oldest)
        }
        return measured
      },
    }
  }
}
