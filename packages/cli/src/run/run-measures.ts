import type { Measures } from '../metrics/measures.js'
import type { RunScore } from './score.js'

/** The measures of a run as far as its score has them; null for the others. */
export function measuresOf(score: RunScore): Measures {
  const worst = score.worst?.accuracy ?? null
  return {
    worstHonestAccuracy: worst,
    meanHonestAccuracy: score.mean,
    bestHonestAccuracy: score.best?.accuracy ?? null,
    mter: worst === null ? null : 1 - worst,
    accuracySpread: null,
    asr: null,
    consensusDistance: null,
    precision: score.precision,
    recall: score.recall,
    acceptance: null,
    honestRefused: score.honestRefused,
    bytesPerRound: score.bytesPerNodeRound,
    secondsPerRound: score.secondsPerRound,
    residentBytesPerNode: null,
    finishedHonest: score.finishedHonest,
  }
}
