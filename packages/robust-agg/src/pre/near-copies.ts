/**
 * Near copies count once: models that are nearer to each other than models trained on different data come.
 *
 *   q_ij = ‖x_i − x_j‖² / min(μ², ‖x_i − p‖² + ‖x_j − p‖²);  μ the lower median of ‖x_j − x_0‖ over the neighbours j
 *   groups: agglomerative with complete linkage, the smallest q first, while no q in a group is above δ²
 *   y_g = mean of the group's models; in the own model's group y = x_0, and the neighbours in it are left out
 *
 * Symbols: n models x_k, own x_0 first; p where the round's training began (`RoundInput.previous`); δ in [0, 1]. Ties go to
 * the lower indices. δ = 0 changes nothing.
 * Why: noise on a copy takes it out of sight of `distinct`, and a model crafted around my own passes every rule that trusts
 * what is near. Both add weight to one node's data; neither is how honest nodes with data of their own look: in high
 * dimension the noise of training alone keeps them apart.
 * Why two measures: near as others go (μ), or honest nodes with like data, whose first steps agree, would be copies; and near
 * as the two steps go, or small steps at the end of a training would be.
 * Why complete linkage: with chains, one crafted model half-way between two honest ones would make them one.
 * Breakdown precondition: less than half of the neighbours Byzantine, so that μ lies within the honest distances. A near
 * copy moves its group's mean by less than δ·μ. Honest models that are merged all the same leave the Byzantine ones a larger
 * share of what is left.
 * Not for runs in which honest nodes agree without training, or train on the same data from the same bits.
 * Those left out or merged may be among the f of a rule behind it: where too few models are left for f, f is smaller by up
 * to their number (`PreView.refused`).
 * Cost: all pairwise distances, O(n²·d), and O(n³) for the groups; one vector of length d for each group of several.
 * Source: ours, after Fung, Yoon, Beschastnikh, "The Limitations of Federated Learning in Sybil Settings", RAID 2020
 * (FoolsGold: who is too much like others loses weight).
 */

import { pairwiseSquaredDistances, sharedCombinations, squaredDistancesTo } from '../kernels/dispatch.js'
import { parameter } from '../parameters.js'
import type { PreDefinition } from './definition.js'

/** μ²; `matrix` has the squared distances of all n models. */
function typicalSquare(matrix: Float64Array, n: number): number {
  const toOwn = Array.from(matrix.subarray(1, n)).sort((a, b) => a - b)
  return toOwn[(toOwn.length - 1) >> 1]
}

/** All q, n × n; 1 where there is no distance to judge by. */
function nearness(models: readonly Float32Array[], previous: Float32Array): Float64Array {
  const n = models.length
  const squares = pairwiseSquaredDistances(models)
  const typical = typicalSquare(squares, n)
  const steps = new Float64Array(n)
  squaredDistancesTo(previous, models, steps)
  return squares.map((square, at) => {
    const most = Math.min(typical, steps[Math.floor(at / n)] + steps[at % n])
    return most > 0 ? square / most : 1
  })
}

/** Groups of indices, each ascending, in the order of their first members. */
function completeLinkage(q: Float64Array, n: number, limit: number): number[][] {
  const groups = Array.from({ length: n }, (_, k) => [k])
  const apart = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((most, i) => b.reduce((far, j) => Math.max(far, q[i * n + j]), most), 0)
  for (;;) {
    let nearest = { worst: limit, a: -1, b: -1 }
    for (let a = 0; a < groups.length; a++) {
      for (let b = a + 1; b < groups.length; b++) {
        const worst = apart(groups[a], groups[b])
        if (worst < nearest.worst || (worst === nearest.worst && nearest.a < 0)) nearest = { worst, a, b }
      }
    }
    const { a, b } = nearest
    if (a < 0) return groups
    groups[a] = [...groups[a], ...groups[b]].sort((i, j) => i - j)
    groups.splice(b, 1)
  }
}

function meanOf(models: readonly Float32Array[], group: readonly number[]): Float32Array {
  if (group.length === 1) return models[group[0]]
  const mean = new Float32Array(models[0].length)
  sharedCombinations(1 / group.length, models, [group], [mean])
  return mean
}

export const nearCopies: PreDefinition = {
  info: {
    name: 'near-copies',
    formula: 'models nearer to each other than δ of what is usual count once, their mean; near mine: mine',
    params: [
      parameter({
        name: 'radius',
        default: 0.6,
        min: 0,
        max: 1,
        meaning: 'how near copies are, δ: a share of the median distance to my model and of their own steps',
      }),
    ],
    cost: 'O(n²·d + n³), a vector for each group',
    source: 'ours, after Fung et al., RAID 2020',
    affine: true,
    refuses: true,
  },
  build: ({ radius }) => ({
    mix: ({ models, previous }) => {
      const n = models.length
      const q = nearness(models, previous)
      const groups = radius > 0 ? completeLinkage(q, n, radius * radius) : models.map((_, k) => [k])
      const isNearMine = (k: number): boolean => k > 0 && groups[0].includes(k)
      return {
        models: groups.map((group, o) => (o === 0 ? models[0] : meanOf(models, group))),
        standsIn: models.map((_, k) => (isNearMine(k) ? -1 : groups.findIndex((group) => group.includes(k)))),
        coefficients: groups.map((group, o) =>
          Float64Array.from(models, (_, k) =>
            o === 0 ? (k === 0 ? 1 : 0) : group.includes(k) ? 1 / group.length : 0,
          ),
        ),
        refused: models.map((_, k) =>
          isNearMine(k) ? { reason: 'near-copy-of-own', score: Math.sqrt(q[k]), threshold: radius } : null,
        ),
        merged: groups.slice(1).reduce((sum, group) => sum + group.length - 1, 0),
      }
    },
    outputs: (models) => models,
    neededModels: () => 1,
    tolerated: () => null,
  }),
}
