/** Checks the caller's own part of a round's input. Nothing that a neighbour sent can fail here. */

import { RobustAggError } from '../errors.js'
import type { RoundInput, RoundMemory } from '../types.js'

/** Rounding error that the sum of a caller's weights may carry above 1. */
const WEIGHT_SUM_TOLERANCE = 1e-9

export const inputError = (field: string, problem: string): RobustAggError =>
  new RobustAggError('E_ROUND_INPUT', `round input: '${field}' ${problem}`, { field, problem })

/** @throws RobustAggError E_ROUND_INPUT for the first field that is malformed */
export function checkInput(input: RoundInput, out: Float32Array | undefined): void {
  const { own, neighbours } = input
  checkRound(input)
  checkModelLength('out', out, own)
  checkModelLength('previous', input.previous, own)
  checkModelLength('initial', input.initial, own)
  checkPerNeighbour('honest', input.honest, neighbours.length)
  checkSquaredDistances(input.squaredDistances, neighbours.length)
  if (input.memory !== undefined) checkMemory(input.memory, neighbours.length, own.length)
  if (input.layers !== undefined) checkLayers(input.layers, own.length)
  checkPerNeighbour('opinions', input.opinions, neighbours.length, 'rows')
  const exposed = input.exposed ?? 0
  if (!Number.isInteger(exposed) || exposed < 0)
    throw inputError('exposed', `is ${exposed}, but must be a whole number of at least 0`)
  if (input.weights !== undefined) checkWeights(input.weights, neighbours.length)
}

function checkRound({ round, rounds }: RoundInput): void {
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw inputError('rounds', `is ${rounds}, but must be a whole number of at least 1`)
  }
  if (!Number.isInteger(round) || round < 0 || round > rounds) {
    throw inputError('round', `is ${round}, but must be a whole number in [0, ${rounds}]`)
  }
}

function checkModelLength(field: string, model: Float32Array | undefined, own: Float32Array): void {
  if (model !== undefined && model.length !== own.length) {
    throw inputError(field, `has ${model.length} values, but must have own's ${own.length}`)
  }
}

function checkPerNeighbour(
  field: string,
  list: ArrayLike<unknown> | undefined,
  neighbours: number,
  what = 'values',
): void {
  if (list !== undefined && list.length !== neighbours) {
    throw inputError(field, `has ${list.length} ${what} for ${neighbours} neighbours`)
  }
}

function checkSquaredDistances(known: RoundInput['squaredDistances'], neighbours: number): void {
  checkPerNeighbour('squaredDistances', known, neighbours)
  const wrong = known?.find(
    (square) => square !== null && !(square >= 0 && square < Number.POSITIVE_INFINITY),
  )
  if (wrong !== undefined) {
    throw inputError('squaredDistances', `holds ${wrong}, but must hold null or finite values of 0 or more`)
  }
}

function checkWeights(weights: ArrayLike<number>, neighbours: number): void {
  checkPerNeighbour('weights', weights, neighbours)
  let sum = 0
  for (let j = 0; j < weights.length; j++) {
    if (!(weights[j] >= 0)) throw inputError('weights', `holds ${weights[j]} at ${j}, but must be 0 or more`)
    sum += weights[j]
  }
  if (!(sum <= 1 + WEIGHT_SUM_TOLERANCE))
    throw inputError('weights', `sum to ${sum}, but may sum to 1 at most`)
}

function checkMemory(memory: RoundMemory, neighbours: number, d: number): void {
  if (memory.neighbours.length !== neighbours) {
    throw inputError('memory', `has ${memory.neighbours.length} entries for ${neighbours} neighbours`)
  }
  for (const entry of [memory.own, ...memory.neighbours]) {
    const length = entry?.vector?.length ?? d
    if (length !== d) throw inputError('memory', `holds a vector of ${length} values, but own has ${d}`)
  }
}

function checkLayers(layers: ArrayLike<number>, d: number): void {
  const lengths = Array.from(layers)
  const wrong = lengths.findIndex((length) => !Number.isInteger(length) || length < 1)
  if (wrong >= 0)
    throw inputError('layers', `holds ${lengths[wrong]} at ${wrong}, but must be whole and 1 or more`)
  const sum = lengths.reduce((total, length) => total + length, 0)
  if (sum !== d) throw inputError('layers', `sum to ${sum}, but own has ${d} values`)
}
