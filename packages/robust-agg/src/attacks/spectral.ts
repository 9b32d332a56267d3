/**
 * Spectral: amplify the slowest mode of the honest graph, so that its two halves drift apart.
 *
 *   x_i + ε·v_i·Σ_k v_k·x_k / max_k v_k²
 *
 * Symbols: x_i the victim's model, v the unit Fiedler vector of the honest graph's Laplacian (`fiedlerVector` of
 * `@tempered/robust-agg/topology`), v_i its entry at the victim; Σ v_k·x_k measures how far the models differ along
 * it.
 * Cost: O(|H|·d).
 * Source: the attack on spectral heterogeneity of Gaucher, Dieuleveut, Hendrikx, "Unified Breakdown Analysis for
 * Byzantine Robust Gossip", ICML 2025, arXiv 2410.10418.
 * Deviations: the size is this package's: the entry of largest size gets ε times the mode. Without `view.fiedler` or
 * `view.victim.fiedler`, the victim's model is sent, or the own model.
 */

import { parameter } from '../parameters.js'
import type { ModelAttackDefinition } from './types.js'

export const spectral: ModelAttackDefinition = {
  info: {
    name: 'spectral',
    kind: 'model',
    knowledge: 'all',
    formula: 'x_i + ε·v_i·Σ v_k·x_k / max v_k², v the Fiedler vector of the honest graph',
    params: [
      parameter({ name: 'epsilon', default: 1, min: 0, max: 1e6, aboveMin: true, meaning: 'strength ε' }),
    ],
    needs: ['victim', 'fiedler'],
    uses: [],
    withoutHonest: "own, or the victim's model",
    source: 'Gaucher et al., ICML 2025, arXiv 2410.10418',
  },
  build:
    ({ epsilon }) =>
    ({ own, honest, victim, fiedler }) => {
      const model = victim?.model ?? own
      const mine = victim?.fiedler
      if (fiedler === undefined || mine === undefined) return model.slice()
      let largest = 0
      for (let k = 0; k < fiedler.length; k++) largest = Math.max(largest, fiedler[k] * fiedler[k])
      if (!(largest > 0)) return model.slice()
      const mode = new Float64Array(model.length)
      honest.forEach((x, k) => {
        for (let c = 0; c < mode.length; c++) mode[c] += fiedler[k] * x[c]
      })
      return model.map((value, c) => value + (epsilon * mine * mode[c]) / largest)
    },
}
