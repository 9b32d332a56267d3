/**
 * Label flip: train honestly on mirrored labels.
 *
 *   y ← C − 1 − y
 *
 * Symbols: C classes, 1 … 256; y ∈ [0, C). With an odd C the middle class keeps its label.
 * Cost: O(samples).
 * Source: Fang et al., "Local Model Poisoning Attacks to Byzantine-Robust Federated Learning", USENIX Security
 * 2020, arXiv 1911.11815.
 * Deviations: none.
 */

import { RobustAggError } from '../errors.js'
import type { DataAttackDefinition } from './types.js'

export const labelFlip: DataAttackDefinition = {
  info: {
    name: 'label-flip',
    kind: 'data',
    knowledge: 'own',
    formula: 'y ← C − 1 − y',
    params: [],
    needs: [],
    uses: [],
    withoutHonest: null,
    source: 'Fang et al., USENIX Security 2020, arXiv 1911.11815',
  },
  build: () => ({
    labels: (labels, classes) => {
      const flipped = labels.slice()
      labels.forEach((label, index) => {
        if (label >= classes) {
          throw new RobustAggError(
            'E_LABEL_RANGE',
            `attack 'label-flip': label ${label} at index ${index} is not below the number of classes, ${classes}.`,
            { index, label, classes },
          )
        }
        flipped[index] = classes - 1 - label
      })
      return flipped
    },
  }),
}
