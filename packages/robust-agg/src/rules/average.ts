/**
 * Plain gossip average: the undefended baseline.
 *
 *   w_i ← W_ii·w_i + Σ_j W_ij·w_j,   W_ii = 1 − Σ_j W_ij
 *
 * Symbols: W_ij mixing weights of the round, 1/n each when none are given (n models, including the node's own).
 * Breakdown: none; one Byzantine neighbour moves the result anywhere.
 * Cost: O(n·d) multiply-adds and a scan for NaN and infinity.
 * Source: decentralised SGD with gossip averaging, Lian et al., NeurIPS 2017, arXiv 1705.09056; McMahan et al.,
 * AISTATS 2017 (FedAvg) with equal sample counts.
 * Deviations: vectors that are not finite or of another length are left out here too, so that an attacker has to send
 * finite values to make the baseline fail; their weight goes to the node's own model.
 */

import { linearCombination } from '../kernels/dispatch.js'
import type { RuleDefinition } from './definition.js'

export const average: RuleDefinition = {
  info: {
    name: 'average',
    formula: 'W_ii·w_i + Σ_j W_ij·w_j',
    params: [],
    needs: 'honest neighbours only',
    breakdown: '0',
    cost: 'O(n·d)',
    source: 'Lian et al. 2017, arXiv 1705.09056',
    linear: true,
    usesWeights: true,
    weighsAll: true,
    example: {},
  },
  screen: 'scan',
  build: () => ({
    tolerated: () => 0,
    combine: ({ own, vectors, weights, out }) => {
      let ownWeight = 1
      for (const weight of weights) ownWeight -= weight
      linearCombination([ownWeight, ...weights], [own, ...vectors], out)
      return { ownWeight, weights, scores: null, threshold: null, reasons: vectors.map(() => 'accepted') }
    },
  }),
}
